/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/configure.h"
#include "agent/files.h"
#include "agent/hello.h"
#include "agent/say.h"
#include "agent/vsock.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/loop.h"
#include "proto/io_banger_agent.h"

#define LOCK AGENT_RUN_DIR "/agent.lock"

enum { MESSAGE_MAX = 128 << 10 }; /* as much as one argument of a program may be (MAX_ARG_STRLEN) */

static int accept_host(struct varlink_server *srv, int fd, const struct ucred *peer, void **ret_conn_context)
{
	return vsock_peer_is_host(fd) ? 0 : -1;
}

int agent_server_new(struct loop *loop, struct varlink_server **ret, struct err *e)
{
	static const struct varlink_interface *const interfaces[] = { &io_banger_agent_interface };
	struct varlink_server_conf conf = { .max_message = MESSAGE_MAX, .max_connections = 256, .context = loop };

	return varlink_server_new(loop, interfaces, ARRAY_LEN(interfaces), &conf, ret, e);
}

/* Returns once no other agent serves. The lock is this process's until it ends; sessions do not inherit it. */
static MUST int take_lock(struct err *e)
{
	if (files_make_dirs(AGENT_RUN_DIR, e) < 0)
		return -1;
	int fd = open(LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, errno, "open '" LOCK "'");
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_sys(e, errno, "lock '" LOCK "'");
	return 0;
}

/* Of a guest that booted without banger's initrd; there init has done it. */
static void greet(void)
{
	struct guest_config config = { 0 };
	struct err e = { 0 };

	if (access(AGENT_CONFIGURED, F_OK) == 0)
		return;
	if (hello_say(HELLO_MS, &config, &e) < 0) {
		say_console("no word from the host, the guest is not configured: %s", e.msg);
		return;
	}
	configure_guest(&config);
	guest_config_done(&config);
}

static MUST int serve(bool early, struct err *e)
{
	struct loop *loop = NULL; /* lives as long as the process */
	struct varlink_server *srv = NULL;
	int listen_fd = AGENT_LISTEN_FD;

	if (early && fcntl(listen_fd, F_SETFD, FD_CLOEXEC) < 0)
		early = false;
	if (take_lock(e) < 0 || (!early && vsock_listen(VSOCK_PORT_AGENT, &listen_fd, e) < 0))
		return -1;
	if (!early)
		greet();
	if (loop_new(&loop, e) < 0 || agent_server_new(loop, &srv, e) < 0 || varlink_server_listen(srv, listen_fd, accept_host, e) < 0)
		return -1;
	return loop_run(loop, e);
}

int agent_main(int argc, char **argv)
{
	struct err e = { 0 };
	bool early = getenv(AGENT_ENV_EARLY) != NULL;

	unsetenv(AGENT_ENV_EARLY);
	prctl(PR_SET_NAME, "banger-agent");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN); /* sessions are watched by their sockets; nobody waits for them */
	if (serve(early, &e) < 0)
		say_console("agent: %s", e.msg);
	return 1;
}
