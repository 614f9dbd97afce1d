/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/ssh.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "cli/client.h"
#include "config/config.h"
#include "proto/io_banger_agent.h"
#include "store/installed.h"
#include "store/layout.h"

enum { KEY_MAX = 16 << 10, KNOWN_MAX = 64 << 10, KEYGEN_MS = 30000, ASK_MS = 10000, BOOT_MS = 180000 };

void ssh_target_done(struct ssh_target *t)
{
	free(t->name);
	free(t->id);
	free(t->address);
	*t = (struct ssh_target){ 0 };
}

/* OpenSSH's client is needed anyway, and it writes its own format best. */
static MUST int run_keygen(const char *path, struct err *e)
{
	char env[] = "env", keygen[] = "ssh-keygen", q[] = "-q", t[] = "-t", type[] = "ed25519", n[] = "-N", none[] = "", c[] = "-C",
	     comment[] = "banger", f[] = "-f";
	AUTO_MEM char *copy = mem_strdup(path);
	char *argv[] = { env, keygen, q, t, type, n, none, c, comment, f, copy, NULL };
	const struct proc_fd fds[] = { { STDERR_FILENO, STDERR_FILENO } };
	struct proc_spawn how = { .path = "/usr/bin/env", .argv = argv, .fds = fds, .n_fds = ARRAY_LEN(fds) };
	char text[64];
	pid_t pid;
	int status;

	if (proc_start(&how, &pid, NULL, e) < 0 || proc_wait(pid, time_now_ms() + KEYGEN_MS, &status, e) < 0)
		return err_wrap(e, "make the ssh key '%s'", path);
	if (status == 0)
		return 0;
	err_set(e, ERR_UNAVAILABLE, "make the ssh key '%s': ssh-keygen: %s", path, proc_status_text(status, text));
	return err_hint(e, "it is part of OpenSSH's client: apt-get install openssh-client");
}

/* One command line at a time makes it. */
static MUST int make_key(const char *path, struct err *e)
{
	AUTO_MEM char *dir = layout_ssh();
	AUTO_FD int fd = -1;

	if (path_make_dirs(dir, 0700, e) < 0)
		return -1;
	if (chmod(dir, 0700) < 0)
		return err_sys(e, errno, "set the mode of '%s'", dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return err_sys(e, errno, "lock '%s'", dir);
	return access(path, F_OK) == 0 ? 0 : run_keygen(path, e);
}

static MUST int read_public(const char *path, bool own, char **ret, struct err *e)
{
	AUTO_MEM char *public = mem_printf("%s.pub", path);

	if (fd_read_file(AT_FDCWD, public, KEY_MAX, ret, NULL, e) < 0) {
		err_wrap(e, "the public half of the ssh key");
		return err_hint(e, "ssh-keygen -y -f %s > %s", path, public);
	}
	(*ret)[strcspn(*ret, "\r\n")] = 0;
	if (**ret)
		return 0;
	err_set(e, ERR_CORRUPT, "'%s' is empty", public);
	return err_hint(e, own ? "remove it and '%s', then a new key is made" : "ssh-keygen -y -f %s writes it", path);
}

/* Key and pins of an installed banger are its owner's files: root would make them root's. */
static MUST int check_user(struct err *e)
{
	const struct installed *i = layout_installed();

	if (!i || (int64_t)getuid() == i->uid)
		return 0;
	err_set(e, ERR_DENIED, "the ssh key of this host's banger is of '%s'", i->owner);
	return err_hint(e, "sudo -u %s banger ...; or banger vm exec, which needs no key", i->owner);
}

int ssh_key(struct cli *cli, char **ret_path, char **ret_public, struct err *e)
{
	AUTO_MEM char *path = NULL;
	const struct config *config;
	bool own;

	if (check_user(e) < 0)
		return -1;
	if (cli_config(cli, &config, e) < 0)
		return -1;
	own = !config->ssh_key_path;
	path = own ? layout_ssh_key() : mem_strdup(config->ssh_key_path);
	if (access(path, F_OK) < 0) {
		if (!own) {
			err_sys(e, errno, "the ssh key '%s'", path);
			return err_hint(e, "it is ssh_key_path in config.toml; without that line banger makes a key of its own");
		}
		if (make_key(path, e) < 0)
			return -1;
	}
	if (read_public(path, own, ret_public, e) < 0)
		return -1;
	*ret_path = TAKE_PTR(path);
	return 0;
}

/* Writes one name's file of host keys. Told when they are others than before: the guest's word came over vsock, so they are its own. */
static MUST int pin(const char *host, const struct ssh_out *guest, struct err *e)
{
	AUTO_MEM char *path = layout_ssh_known_hosts(host), *dir = path_dirname(path), *old = NULL;
	AUTO_DONE(str_done) struct str text = STR_INIT;
	struct err ignored = { 0 };

	for (size_t i = 0; i < guest->n_host_keys; i++)
		str_addf(&text, "%s %s\n", host, guest->host_keys[i]);
	if (fd_read_file(AT_FDCWD, path, KNOWN_MAX, &old, NULL, &ignored) == 0 && str_eq(old, text.data))
		return 0;
	if (old)
		fprintf(stderr, "banger: the host keys of %s have changed; the guest itself says so over vsock, and the new ones are pinned\n", host);
	if (path_make_dirs(dir, 0700, e) < 0)
		return -1;
	return path_write_atomic(path, text.data, text.len, 0600, e);
}

static MUST int ask_guest(struct cli *cli, struct varlink_client *agent, const char *public, const char *vm, struct ssh_out *ret, struct err *e)
{
	AUTO_DONE(ssh_in_done) struct ssh_in in = { .authorized_keys = mem_array(1, sizeof(char *)) };

	in.authorized_keys[in.n_authorized_keys++] = mem_strdup(public);
	varlink_client_set_deadline(agent, time_now_ms() + ASK_MS);
	if (call_ssh(agent, &in, ret, e) < 0)
		return err_wrap(e, "ask '%s'", vm);
	if (ret->listening && ret->n_host_keys)
		return 0;
	if (!cli->quiet && isatty(STDERR_FILENO))
		fprintf(stderr, "%s boots, its ssh server is waited for\n", vm);
	ssh_out_done(ret);
	*ret = (struct ssh_out){ 0 };
	in.wait = true;
	varlink_client_set_deadline(agent, time_now_ms() + BOOT_MS);
	return call_ssh(agent, &in, ret, e) < 0 ? err_wrap(e, "wait for the boot of '%s'", vm) : 0;
}

/* The guest's host keys are the sender's text: a line must stay one line of known_hosts. */
static MUST int check_answer(const struct ssh_out *guest, const char *vm, struct err *e)
{
	if (!guest->listening) {
		err_set(e, ERR_UNAVAILABLE, "nobody listens at port 22 in '%s': its ssh server is missing, or does not run", vm);
		return err_hint(e, "banger vm exec %s needs none; in a Debian guest: apt-get install openssh-server", vm);
	}
	if (!guest->n_host_keys) {
		err_set(e, ERR_UNAVAILABLE, "'%s' has no host keys in /etc/ssh", vm);
		return err_hint(e, "banger vm exec %s -- ssh-keygen -A makes them", vm);
	}
	for (size_t i = 0; i < guest->n_host_keys; i++)
		for (const char *c = guest->host_keys[i]; *c; c++)
			if (*c < ' ' || *c > '~')
				return err_set(e, ERR_CORRUPT, "'%s' sends a host key that is none", vm);
	return 0;
}

int ssh_prepare(struct cli *cli, struct varlink_client *c, const char *vm, const char *host, struct ssh_target *ret, struct err *e)
{
	AUTO_DONE(vm_show_out_done) struct vm_show_out show = { 0 };
	AUTO_DONE(ssh_out_done) struct ssh_out guest = { 0 };
	AUTO(varlink_client_free) struct varlink_client *agent = NULL;
	AUTO_MEM char *key = NULL, *public = NULL, *ref = mem_strdup(vm), *own = NULL;
	struct vm_show_in in = { .vm = ref };

	if (ssh_key(cli, &key, &public, e) < 0 || call_vm_show(c, &in, &show, e) < 0)
		return -1;
	vm = show.vm.name;
	own = mem_printf("%s.vm", vm);
	if (client_connect_agent(c, show.vm.id, &agent, e) < 0 || ask_guest(cli, agent, public, vm, &guest, e) < 0 ||
	    check_answer(&guest, vm, e) < 0 || pin(own, &guest, e) < 0)
		return -1;
	/* A prefix of an id gets no file of its own: nothing would remove it. */
	AUTO_MEM char *by_id = mem_printf("%s.vm", show.vm.id);
	if (host && str_eq(host, by_id) && pin(host, &guest, e) < 0)
		return -1;
	ret->name = TAKE_PTR(show.vm.name);
	ret->id = TAKE_PTR(show.vm.id);
	ret->address = TAKE_PTR(show.vm.address);
	return 0;
}
