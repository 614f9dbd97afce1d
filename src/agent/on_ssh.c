/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>

#include "agent/aside.h"
#include "agent/configure.h"
#include "agent/sockets.h"
#include "agent/system.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "proto/io_banger_agent.h"

enum { SSH_PORT = 22, KEY_MAX = 16 << 10, KEYS_MAX = 8 };

/* "TYPE BASE64" of a public key's file, without its comment. */
static void add_host_key(const char *path, struct ssh_out *ret)
{
	AUTO_MEM char *text = NULL;
	struct err ignored = { 0 }; /* a key that cannot be read is none that sshd shows */
	size_t type, key;

	if (fd_read_file(AT_FDCWD, path, KEY_MAX, &text, NULL, &ignored) < 0)
		return;
	type = strcspn(text, " \n");
	if (!type || text[type] != ' ')
		return;
	key = strcspn(text + type + 1, " \r\n");
	if (!key)
		return;
	ret->host_keys = mem_grow(ret->host_keys, ret->n_host_keys, sizeof(*ret->host_keys));
	ret->host_keys[ret->n_host_keys++] = mem_strndup(text, type + 1 + key);
}

static void fill(struct ssh_out *ret)
{
	glob_t found = { 0 };

	ret->listening = sockets_listening(SSH_PORT);
	if (glob("/etc/ssh/ssh_host_*_key.pub", 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc && i < KEYS_MAX; i++)
			add_host_key(found.gl_pathv[i], ret);
	globfree(&found);
}

static void wait_booted(void *arg)
{
	system_wait();
}

static void booted(const char *output, void *arg)
{
	AUTO_DONE(ssh_out_done) struct ssh_out out = { 0 };

	fill(&out);
	reply_ssh(arg, &out);
}

int on_ssh(struct varlink_call *call, const struct ssh_in *in, struct ssh_out *ret, struct err *e)
{
	if (configure_add_keys(in->authorized_keys, in->n_authorized_keys, e) < 0)
		return -1;
	fill(ret);
	if (!in->wait || (ret->listening && ret->n_host_keys))
		return 0;
	return aside_run(varlink_call_server_context(call), wait_booted, booted, call, e) < 0 ? -1 : VARLINK_LATER;
}
