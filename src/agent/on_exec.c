/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exec: a session process of its own for each. It starts the command and says so over a socket pair; once the reply is out it gets the
 * connection the same way and goes on alone: it outlives the agent. */
#include "agent/on_exec.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/session.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "proto/io_banger_agent.h"

enum { SESSIONS_MAX = 1024, ARGS_MAX = 4096, ENV_MAX = 1024 };

struct exec {
	struct loop *loop;
	struct varlink_call *call; /* NULL once answered */
	struct loop_source *source;
	int fd; /* to the session; its end is the session's end */
	pid_t pid;
};

static int64_t sessions;

int64_t on_exec_count(void)
{
	return sessions;
}

static void exec_free(struct exec *x)
{
	loop_remove(x->loop, x->source);
	close(x->fd);
	free(x);
	sessions--;
}

/* The client left before its command was started; the session finds out by its socket otherwise. */
static void on_gone(void *arg)
{
	struct exec *x = arg;

	kill(x->pid, SIGKILL);
}

/* Without a connection the session sees the end of the socket, and ends the command. */
static void on_stolen(int fd, struct str *leftover, void *arg)
{
	struct exec *x = arg;
	struct session_go go = { .n_leftover = leftover && leftover->len <= sizeof(go.leftover) ? leftover->len : 0 };

	if (go.n_leftover)
		memcpy(go.leftover, leftover->data, go.n_leftover);
	if (fd < 0 || fd_send_msg(x->fd, &go, sizeof(go), &fd, 1) < 0)
		shutdown(x->fd, SHUT_RDWR);
	if (fd >= 0)
		close(fd);
}

static void answer(struct exec *x, const struct session_started *s)
{
	struct varlink_call *call = TAKE_PTR(x->call);

	varlink_call_on_gone(call, NULL, NULL);
	if (s->error.code != ERR_NONE) {
		varlink_reply_error(call, &s->error);
		return;
	}
	varlink_call_steal_fd(call, on_stolen, x);
	reply_exec(call, &(struct exec_out){ .pid = s->pid });
}

static void on_session(struct loop *l, int fd, uint32_t revents, void *arg)
{
	struct exec *x = arg;
	struct session_started s;
	ssize_t got = recv(fd, &s, sizeof(s), MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got == (ssize_t)sizeof(s) && x->call) {
		answer(x, &s);
		return;
	}
	if (x->call) {
		struct err e = { 0 };
		err_set(&e, ERR_SYSTEM, "the session ended before the command was started");
		varlink_reply_error(TAKE_PTR(x->call), &e);
	}
	exec_free(x);
}

static MUST int check(const struct varlink_call *call, const struct exec_in *in, struct err *e)
{
	if (!varlink_call_upgrade(call))
		return err_set(e, ERR_INVALID, "Exec must be called with upgrade");
	if (in->n_argv > ARGS_MAX || in->n_env > ENV_MAX)
		return err_set(e, ERR_INVALID, "more than %d arguments or %d variables", ARGS_MAX, ENV_MAX);
	if (in->wait && !str_eq(in->wait, "agent") && !str_eq(in->wait, "system"))
		return err_set(e, ERR_INVALID, "wait is '%s', neither agent nor system", in->wait);
	if (in->cwd && in->cwd[0] != '/')
		return err_set(e, ERR_INVALID, "the folder '%s' is not absolute", in->cwd);
	for (size_t i = 0; i < in->n_env; i++)
		if (!in->env[i].name[0] || strchr(in->env[i].name, '='))
			return err_set(e, ERR_INVALID, "'%s' cannot be the name of a variable", in->env[i].name);
	if (in->terminal && (in->terminal->rows < 0 || in->terminal->rows > UINT16_MAX || in->terminal->columns < 0 ||
			     in->terminal->columns > UINT16_MAX))
		return err_set(e, ERR_INVALID, "a terminal of %lld x %lld", (long long)in->terminal->rows, (long long)in->terminal->columns);
	if (sessions >= SESSIONS_MAX)
		return err_set(e, ERR_BUSY, "%d commands are running already", SESSIONS_MAX);
	return 0;
}

int on_exec(struct varlink_call *call, const struct exec_in *in, struct exec_out *ret, struct err *e)
{
	struct loop *loop = varlink_call_server_context(call);
	int ends[2];

	if (check(call, in, e) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(e, errno, "socket pair");
	pid_t pid = fork();
	if (pid == 0)
		session_run(ends[1], in);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return err_sys(e, errno, "fork");
	}
	struct exec *x = NEW(struct exec);
	*x = (struct exec){ .loop = loop, .call = call, .fd = ends[0], .pid = pid };
	if (loop_add_fd(loop, x->fd, EPOLLIN, on_session, x, &x->source, e) < 0) {
		close(x->fd);
		free(x);
		return -1;
	}
	sessions++;
	varlink_call_on_gone(call, on_gone, x);
	return VARLINK_LATER;
}
