/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/build.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "cli/services.h"
#include "store/layout.h"

enum {
	START_MS = 30000, /* a daemon with much to reconcile */
	STOP_MS = 10000,
	AGENT_MS = 10000, /* until a VM's agent takes the connection */
	STATUS_MS = 10000,
	SERVICE_MS = 2000, /* a service that is being restarted is back */
	LOOK_MS = 50,
	ANSWER_MAX = 1024, /* what a daemon says that cannot start */
};

#define READY_FD 3
#define ATTEMPTS 4 /* at a daemon that others stop, kill or replace meanwhile */

int client_connect_running(struct varlink_client **ret, struct err *e)
{
	AUTO_MEM char *path = layout_socket();

	if (varlink_client_connect(path, ret, e) == 0)
		return 0;
	if (e->code != ERR_UNAVAILABLE && e->code != ERR_NOT_FOUND && e->sys != ECONNREFUSED)
		return -1;
	err_clear(e);
	err_set(e, ERR_NOT_FOUND, "no daemon runs at '%s'", path);
	return err_hint(e, "%s", services_start());
}

/* Waits until the process behind the pid has ended; gone already is success. */
static MUST int wait_gone(int64_t pid, int64_t deadline_ms, struct err *e)
{
	AUTO_FD int fd = proc_pidfd((pid_t)pid);

	if (fd < 0)
		return errno == ESRCH ? 0 : err_sys(e, errno, "watch process %lld", (long long)pid);
	return fd_wait(fd, POLLIN, deadline_ms, e);
}

int client_stop_daemon(struct varlink_client *c, bool force, struct err *e)
{
	AUTO_DONE(daemon_status_out_done) struct daemon_status_out status = { 0 };
	struct daemon_stop_in in = { .force = force, .has_force = force };
	int64_t deadline = time_now_ms() + STOP_MS;

	varlink_client_set_deadline(c, deadline);
	if (call_daemon_status(c, NULL, &status, e) < 0 || call_daemon_stop(c, &in, NULL, e) < 0)
		return -1;
	if (wait_gone(status.pid, deadline, e) < 0)
		return err_wrap(e, "wait for daemon %lld to end", (long long)status.pid);
	return 0;
}

/* The same for a daemon that should end; what is the matter with it otherwise. */
static MUST int wait_leaver(int64_t pid, const char *matter, struct err *e)
{
	if (wait_gone(pid, time_now_ms() + STOP_MS, e) == 0)
		return 0;
	if (e->code != ERR_TIMEOUT)
		return -1;
	err_clear(e);
	err_set(e, ERR_UNAVAILABLE, "daemon %lld runs but %s", (long long)pid, matter);
	return err_hint(e, "kill %lld, then try again; VMs go on running", (long long)pid);
}

/* A daemon that no longer listens may still be on its way out; its lock names it. */
static MUST int wait_for_leaver(struct err *e)
{
	AUTO_MEM char *path = layout_lock();
	AUTO_FD int fd = open(path, O_RDWR | O_CLOEXEC);
	char text[32] = "";
	long pid;

	if (fd < 0)
		return 0;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) <= 0)
		return 0;
	pid = strtol(text, NULL, 10);
	if (pid <= 0)
		return 0;
	return wait_leaver(pid, "does not listen", e);
}

/* What the new daemon says on its pipe: 'K', or 'E' with a sentence and a hint on a line each. */
static MUST int read_answer(int fd, struct err *e)
{
	AUTO_MEM char *log = layout_log();
	char text[ANSWER_MAX + 1];
	int64_t deadline = time_now_ms() + START_MS;
	size_t n = 0;
	char *hint;

	for (;;) {
		ssize_t got;

		if (fd_wait(fd, POLLIN, deadline, e) < 0)
			return err_wrap(e, "wait for the daemon");
		got = read(fd, text + n, ANSWER_MAX - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += (size_t)got;
		if (text[0] == 'K' || n == ANSWER_MAX)
			break;
	}
	text[n] = 0;
	if (text[0] == 'K')
		return 0;
	hint = text + strcspn(text, "\n");
	if (*hint)
		*hint++ = 0;
	err_set(e, ERR_UNAVAILABLE, "start the daemon: %s", text[0] == 'E' ? text + 1 : "it ended before it was ready");
	hint[strcspn(hint, "\n")] = 0;
	return *hint ? err_hint(e, "%s", hint) : err_hint(e, "its log is %s", log);
}

static MUST int spawn_daemon(const struct cli *cli, int ready_fd, struct err *e)
{
	AUTO_MEM char *log = layout_log();
	AUTO_FD int log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	const struct proc_fd fds[] = { { ready_fd, READY_FD }, { log_fd, 2 } };
	char name[] = "bangerd", role[] = "--role", ready[] = "--ready-fd", number[] = "3", root[] = "--root";
	AUTO_MEM char *dir = mem_strdup(cli->root);
	char *argv[] = { name, role, name, ready, number, dir ? root : NULL, dir, NULL };
	struct proc_spawn how = { .argv = argv, .fds = fds, .n_fds = ARRAY_LEN(fds), .new_session = true };
	pid_t pid;

	if (log_fd < 0)
		return err_sys(e, errno, "open '%s'", log);
	return proc_start(&how, &pid, NULL, e);
}

int client_start_daemon(struct cli *cli, struct err *e)
{
	int pipe_fds[2];

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_sys(e, errno, "make a pipe");
	AUTO_FD int mine = pipe_fds[0];
	AUTO_FD int theirs = pipe_fds[1];
	if (spawn_daemon(cli, theirs, e) < 0)
		return err_wrap(e, "start the daemon");
	close(TAKE_FD(theirs));
	return read_answer(mine, e);
}

/* One command line at a time starts a daemon: whoever comes second finds the first one's. */
static MUST int start_or_find(struct cli *cli, struct varlink_client **ret, struct err *e)
{
	AUTO_FD int dir = -1;

	if (layout_make_dirs(e) < 0)
		return -1;
	dir = open(layout_dir(LAYOUT_RUN), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || flock(dir, LOCK_EX) < 0)
		return err_sys(e, errno, "lock '%s'", layout_dir(LAYOUT_RUN));
	if (client_connect_running(ret, e) == 0)
		return 0;
	if (e->code != ERR_NOT_FOUND)
		return -1;
	err_clear(e);
	if (wait_for_leaver(e) < 0 || client_start_daemon(cli, e) < 0)
		return -1;
	return client_connect_running(ret, e);
}

/* 1: it is another build and idle, so it has been asked to end; 0: it is ours, or busy. */
static MUST int retire_other_build(struct varlink_client *c, struct err *e)
{
	AUTO_DONE(daemon_status_out_done) struct daemon_status_out status = { 0 };
	AUTO_MEM char *warning = NULL;

	varlink_client_set_deadline(c, time_now_ms() + STATUS_MS);
	if (call_daemon_status(c, NULL, &status, e) < 0)
		return -1;
	varlink_client_set_deadline(c, FD_FOREVER);
	if (str_eq(status.build, build_id()))
		return 0;
	if (!layout_installed() && !status.n_jobs && client_stop_daemon(c, false, e) == 0)
		return 1;
	if (e->code != ERR_NONE && e->code != ERR_BUSY)
		return -1;
	err_clear(e);
	varlink_client_set_deadline(c, FD_FOREVER);
	warning = services_other_build(status.version);
	cli_warn(warning);
	return 0;
}

/* Who listens at the other end. */
static int64_t peer_pid(const struct varlink_client *c)
{
	struct ucred peer = { 0 };
	socklen_t size = sizeof(peer);

	if (getsockopt(varlink_client_fd(c), SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return 0;
	return peer.pid;
}

/* Connects once. *ret stays NULL when there is, by now, no daemon of use. */
static MUST int try_connect(struct cli *cli, bool start, struct varlink_client **ret, struct err *e)
{
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	int retired;

	if ((start ? start_or_find(cli, &c, e) : client_connect_running(&c, e)) < 0) {
		if (start || e->code != ERR_NOT_FOUND)
			return -1;
		err_clear(e);
		return 0;
	}
	retired = retire_other_build(c, e);
	if (retired < 0 && e->code == ERR_UNAVAILABLE && peer_pid(c) > 0) {
		/* It took the connection and died; one that is on its way out still holds its lock. */
		err_clear(e);
		return wait_leaver(peer_pid(c), "ended the connection without an answer", e);
	}
	if (retired < 0)
		return err_wrap(e, "ask the daemon");
	if (!retired)
		*ret = TAKE_PTR(c);
	return 0;
}

/* Connects once the service's socket is there: it is made anew with each daemon, in a folder that can be watched. */
static MUST int wait_service(struct varlink_client **ret, struct err *e)
{
	int64_t deadline = time_now_ms() + SERVICE_MS;
	AUTO_FD int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char events[4096];

	if (watch < 0 || inotify_add_watch(watch, layout_dir(LAYOUT_RUN), IN_CREATE | IN_MOVED_TO) < 0)
		return client_connect_running(ret, e);
	for (;;) {
		struct err waited = { 0 };

		if (client_connect_running(ret, e) == 0)
			return 0;
		/* The socket is seen before it listens: so another look soon, too. */
		if (e->code != ERR_NOT_FOUND || time_now_ms() >= deadline)
			return -1;
		if (fd_wait(watch, POLLIN, time_now_ms() + LOOK_MS, &waited) < 0 && waited.code != ERR_TIMEOUT)
			return -1;
		while (read(watch, events, sizeof(events)) > 0)
			continue;
		err_clear(e);
	}
}

int client_connect(struct cli *cli, struct varlink_client **ret, struct err *e)
{
	struct varlink_client *c = NULL;

	/* An installed banger's daemon is the service manager's to start. It may be on its way up, or down and up again. */
	if (layout_installed()) {
		if (wait_service(&c, e) < 0 || retire_other_build(c, e) < 0) {
			varlink_client_free(c);
			return err_wrap(e, "ask the daemon");
		}
		*ret = c;
		return 0;
	}
	for (int attempt = 0; !c && attempt < ATTEMPTS; attempt++)
		if (try_connect(cli, attempt > 0, &c, e) < 0)
			return -1;
	if (!c)
		return err_set(e, ERR_UNAVAILABLE, "the daemon ends as soon as it has started");
	*ret = c;
	return 0;
}

/* The one line "OK PORT" with which the VMM's socket says that the guest has taken the connection. */
static MUST int read_ok(int fd, const char *vm, struct err *e)
{
	char line[32];
	int64_t deadline = time_now_ms() + AGENT_MS;

	for (size_t n = 0; n < sizeof(line); n++) {
		if (fd_read_all(fd, line + n, 1, deadline, e) < 0) {
			if (e->code == ERR_CANCELLED)
				return -1;
			err_clear(e);
			break;
		}
		if (line[n] == '\n' && strncmp(line, "OK ", 3) == 0)
			return 0;
	}
	err_set(e, ERR_UNAVAILABLE, "the agent in '%s' does not answer", vm);
	return err_hint(e, "banger vm logs --console %s shows what the guest printed", vm);
}

int client_connect_agent(struct varlink_client *c, const char *vm, struct varlink_client **ret, struct err *e)
{
	AUTO_DONE(vm_connect_out_done) struct vm_connect_out out = { 0 };
	AUTO_MEM char *name = mem_strdup(vm);
	struct vm_connect_in in = { .vm = name };
	AUTO_FD int fd = -1;

	if (call_vm_connect(c, &in, &out, e) < 0)
		return -1;
	fd = varlink_client_take_fd(c, out.socket);
	if (fd < 0)
		return err_set(e, ERR_INTERNAL, "the daemon sent no socket for '%s'", vm);
	if (read_ok(fd, vm, e) < 0 || varlink_client_from_fd(TAKE_FD(fd), ret, e) < 0)
		return -1;
	varlink_client_set_max(*ret, VARLINK_MAX_MESSAGE_SMALL);
	return 0;
}
