/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "agent/command.h"
#include "agent/stream.h"
#include "agent/system.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "proto/exec_frames.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

enum {
	GRACE_MS = 10000,        /* between SIGHUP and SIGKILL when the client is gone */
	LINGER_MS = 10000,       /* for the client to close after the last frame */
	DRAIN_BYTES = 320 << 10, /* more than a pipe or terminal holds: what a command has written before its end */
	CREDIT_STEP = EXEC_WINDOW / 4,
};

/* What the command writes to: a channel that is read, then ended. */
struct output {
	enum exec_channel channel;
	int fd; /* -1: ended */
	bool end_due;
	size_t drained; /* bytes read since the command's end */
};

struct session {
	struct command cmd;
	struct stream out;
	struct exec_decoder in;
	struct str stdin_left; /* received and not yet taken by the command */
	size_t stdin_at;
	bool stdin_open, stdin_ends;
	uint32_t window; /* bytes the client may still send */
	uint32_t owed;   /* bytes taken since the last credit */
	struct output outputs[2];
	bool exited;
};

/* SIGTERM is for the command alone: this process ends when that does. */
static void become_session(int agent_fd)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	setsid();
	if (agent_fd > 3)
		syscall(SYS_close_range, 3, agent_fd - 1, 0);
	syscall(SYS_close_range, agent_fd + 1, ~0U, 0);
}

static void signal_command(const struct session *s, int sig)
{
	pid_t foreground = 0;

	if (s->exited)
		return;
	if (s->cmd.terminal && s->cmd.out >= 0 && ioctl(s->cmd.out, TIOCGPGRP, &foreground) == 0 && foreground > 0)
		kill(-foreground, sig);
	else
		kill(-s->cmd.pid, sig);
}

static void resize(const struct session *s, const struct exec_control *c)
{
	struct winsize ws = { .ws_row = c->rows, .ws_col = c->columns };

	if (s->cmd.terminal && s->cmd.out >= 0)
		(void)!ioctl(s->cmd.out, TIOCSWINSZ, &ws);
}

static void close_stdin(struct session *s)
{
	if (s->stdin_open && !s->cmd.terminal)
		close(s->cmd.in);
	s->stdin_open = false;
	str_done(&s->stdin_left);
	s->stdin_at = 0;
}

static void took(struct session *s, size_t n)
{
	s->owed += (uint32_t)n;
	if (s->owed < CREDIT_STEP)
		return;
	stream_control(&s->out, &(struct exec_control){ .kind = EXEC_CONTROL_CREDIT, .credit = s->owed });
	s->window += s->owed;
	s->owed = 0;
}

/* What of it the command takes now; a command that no longer reads takes all. */
static size_t feed(struct session *s, const void *data, size_t n)
{
	ssize_t put;

	if (!s->stdin_open)
		return n;
	do
		put = write(s->cmd.in, data, n);
	while (put < 0 && errno == EINTR);
	if (put >= 0)
		return (size_t)put;
	if (errno == EAGAIN)
		return 0;
	close_stdin(s);
	return n;
}

static void feed_left(struct session *s)
{
	size_t left = s->stdin_left.len - s->stdin_at;

	if (left) {
		size_t n = feed(s, s->stdin_left.data + s->stdin_at, left);
		took(s, n);
		s->stdin_at = s->stdin_open ? s->stdin_at + n : 0;
	}
	if (s->stdin_at == s->stdin_left.len) {
		s->stdin_at = s->stdin_left.len = 0;
		if (s->stdin_ends)
			close_stdin(s);
	}
}

/* A terminal has no end to close; its line discipline has a character that says so. */
static void end_stdin(struct session *s)
{
	struct termios t;

	if (s->cmd.terminal && tcgetattr(s->cmd.in, &t) == 0 && (t.c_lflag & ICANON))
		str_add_char(&s->stdin_left, (char)t.c_cc[VEOF]);
	s->stdin_ends = true;
	feed_left(s);
}

static MUST int take_stdin(struct session *s, const struct exec_frame *f)
{
	size_t done = 0;

	if (!f->n) {
		end_stdin(s);
		return 0;
	}
	if (f->n > s->window || s->stdin_ends)
		return -1;
	s->window -= (uint32_t)f->n;
	if (s->stdin_at == s->stdin_left.len) {
		done = feed(s, f->data, f->n);
		took(s, done);
	}
	str_add_bytes(&s->stdin_left, f->data + done, f->n - done);
	return 0;
}

/* -1: not a client of ours. */
static MUST int take_frame(struct session *s, const struct exec_frame *f)
{
	struct exec_control c;
	struct err e = { 0 };

	if (f->channel == EXEC_IN)
		return take_stdin(s, f);
	if (f->channel != EXEC_CONTROL)
		return -1;
	if (exec_control_decode(f->data, f->n, &c, &e) < 0)
		return -1;
	if (c.kind == EXEC_CONTROL_RESIZE)
		resize(s, &c);
	if (c.kind == EXEC_CONTROL_SIGNAL)
		signal_command(s, c.signal);
	return 0;
}

static MUST int take_frames(struct session *s)
{
	struct exec_frame f;
	struct err e = { 0 };
	int rc;

	while ((rc = exec_decoder_next(&s->in, &f, &e)) > 0)
		if (take_frame(s, &f) < 0)
			return -1;
	return rc;
}

/* -1: the connection is lost. */
static MUST int receive(struct session *s)
{
	size_t room;
	uint8_t *p = exec_decoder_space(&s->in, &room);
	ssize_t got = recv(s->out.fd, p, room, MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got <= 0)
		return -1;
	exec_decoder_add(&s->in, (size_t)got);
	return take_frames(s);
}

static void end_output(struct session *s, struct output *o)
{
	if (!s->cmd.terminal)
		close(o->fd);
	o->fd = -1;
	o->end_due = true;
}

/* Moves what is there into the next frame; nothing while the one before it is not out. */
static void read_output(struct session *s, struct output *o)
{
	size_t room;
	uint8_t *p = stream_room(&s->out, &room);
	ssize_t got;

	if (!p)
		return;
	got = read(o->fd, p, room);
	if (got < 0 && errno == EINTR)
		return;
	if (got < 0 && errno == EAGAIN) {
		if (s->exited) /* others may hold it open still: it is not theirs to keep the client waiting */
			end_output(s, o);
		return;
	}
	if (got <= 0) {
		end_output(s, o); /* EIO of a terminal that nobody has open */
		return;
	}
	stream_put(&s->out, o->channel, (size_t)got);
	if (s->exited && (o->drained += (size_t)got) > DRAIN_BYTES)
		end_output(s, o);
}

static void send_ends(struct session *s)
{
	size_t room;

	for (size_t i = 0; i < ARRAY_LEN(s->outputs); i++) {
		if (!s->outputs[i].end_due || !stream_room(&s->out, &room))
			continue;
		stream_put(&s->out, s->outputs[i].channel, 0);
		s->outputs[i].end_due = false;
		if (stream_flush(&s->out) < 0)
			return; /* the next look at the connection says so */
	}
}

static bool outputs_done(const struct session *s)
{
	for (size_t i = 0; i < ARRAY_LEN(s->outputs); i++)
		if (s->outputs[i].fd >= 0 || s->outputs[i].end_due)
			return false;
	return true;
}

enum { WATCH_CONN, WATCH_CHILD, WATCH_STDIN, WATCH_OUT, WATCH_ERR, WATCH_COUNT };

static void fill_poll(const struct session *s, struct pollfd p[WATCH_COUNT])
{
	bool full = s->out.at != s->out.end;

	p[WATCH_CONN] = (struct pollfd){ .fd = s->out.fd, .events = (short)(POLLIN | (stream_pending(&s->out) ? POLLOUT : 0)) };
	p[WATCH_CHILD] = (struct pollfd){ .fd = s->exited ? -1 : s->cmd.pidfd, .events = POLLIN };
	p[WATCH_STDIN] = (struct pollfd){ .fd = s->stdin_open && s->stdin_at != s->stdin_left.len ? s->cmd.in : -1, .events = POLLOUT };
	for (size_t i = 0; i < ARRAY_LEN(s->outputs); i++)
		p[WATCH_OUT + i] = (struct pollfd){ .fd = full ? -1 : s->outputs[i].fd, .events = POLLIN };
}

/* One turn; -1: the connection is lost. */
static MUST int turn(struct session *s)
{
	struct pollfd p[WATCH_COUNT];

	fill_poll(s, p);
	/* after the command's end only what is there counts */
	bool drains = s->exited && (p[WATCH_OUT].fd >= 0 || p[WATCH_ERR].fd >= 0);
	if (poll(p, WATCH_COUNT, drains ? 0 : -1) < 0 && errno != EINTR)
		return -1;
	if (p[WATCH_CONN].revents & (POLLIN | POLLHUP | POLLERR) && receive(s) < 0)
		return -1;
	if (p[WATCH_CHILD].revents)
		s->exited = true;
	if (p[WATCH_STDIN].revents)
		feed_left(s);
	for (size_t i = 0; i < ARRAY_LEN(s->outputs); i++)
		if (s->outputs[i].fd >= 0 && p[WATCH_OUT + i].fd >= 0 && (p[WATCH_OUT + i].revents || s->exited))
			read_output(s, &s->outputs[i]);
	send_ends(s);
	return stream_flush(&s->out);
}

static struct exec_control exit_control(const struct command *c)
{
	struct exec_control x = { .kind = EXEC_CONTROL_EXIT };
	int status = 0;

	if (!c->pid) {
		x.status = c->status;
		memcpy(x.message, c->why, sizeof(x.message));
		return x;
	}
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		x.signal = WTERMSIG(status);
	else
		x.status = WEXITSTATUS(status);
	return x;
}

/* All that is left goes out, then the client closes: a VMM may drop what is on its way when the guest does it first. */
static void finish(struct session *s)
{
	struct exec_control c = exit_control(&s->cmd);
	int64_t deadline = time_now_ms() + LINGER_MS;
	struct err e = { 0 };
	uint8_t rest[512];

	stream_control(&s->out, &c);
	while (stream_pending(&s->out)) {
		if (stream_flush(&s->out) < 0)
			return;
		if (stream_pending(&s->out) && fd_wait(s->out.fd, POLLOUT, FD_FOREVER, &e) < 0)
			return;
	}
	while (fd_wait(s->out.fd, POLLIN, deadline, &e) == 0 && recv(s->out.fd, rest, sizeof(rest), MSG_DONTWAIT) > 0)
		;
}

/* The client is gone: the command hears a hang-up, and has some time. */
static void hang_up(struct session *s)
{
	struct err e = { 0 };

	if (s->exited || !s->cmd.pid)
		return;
	signal_command(s, SIGHUP);
	close_stdin(s);
	if (s->cmd.terminal)
		close(s->cmd.out);
	s->cmd.out = -1;
	for (size_t i = 0; i < ARRAY_LEN(s->outputs); i++)
		if (s->outputs[i].fd >= 0 && !s->cmd.terminal)
			close(s->outputs[i].fd);
	kill(-s->cmd.pid, SIGHUP);
	kill(-s->cmd.pid, SIGCONT); /* a stopped one would not notice */
	if (fd_wait(s->cmd.pidfd, POLLIN, time_now_ms() + GRACE_MS, &e) < 0)
		kill(-s->cmd.pid, SIGKILL);
}

static void run(struct session *s, const struct session_go *go)
{
	memcpy(exec_decoder_space(&s->in, &(size_t){ 0 }), go->leftover, go->n_leftover);
	exec_decoder_add(&s->in, go->n_leftover);
	stream_control(&s->out, &(struct exec_control){ .kind = EXEC_CONTROL_CREDIT, .credit = EXEC_WINDOW });
	bool lost = stream_flush(&s->out) < 0 || take_frames(s) < 0;
	send_ends(s);
	while (!lost && (!s->exited || !outputs_done(s)))
		lost = turn(s) < 0;
	if (lost)
		hang_up(s);
	else
		finish(s);
}

static void set_nonblock(int fd)
{
	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void session_init(struct session *s, int conn)
{
	bool runs = s->cmd.pid > 0;

	set_nonblock(s->cmd.in);
	set_nonblock(s->cmd.out);
	set_nonblock(s->cmd.err);
	s->out.fd = conn;
	s->window = EXEC_WINDOW;
	s->exited = !runs;
	s->stdin_open = runs;
	s->outputs[0] = (struct output){ .channel = EXEC_OUT, .fd = runs ? s->cmd.out : -1, .end_due = !runs };
	s->outputs[1] = (struct output){ .channel = EXEC_ERR, .fd = runs ? s->cmd.err : -1, .end_due = !runs };
	if (s->cmd.terminal)
		s->outputs[1].end_due = true;
}

void session_run(int agent_fd, const struct exec_in *in)
{
	struct session s = { 0 };
	struct session_started started = { 0 };
	struct session_go go = { 0 };
	int fds[FD_PASS_MAX];
	size_t n = 0;

	become_session(agent_fd);
	if (in->wait && str_eq(in->wait, "system"))
		system_wait();
	if (command_start(in, &s.cmd, &started.error) == 0)
		started.pid = s.cmd.pid;
	if (send(agent_fd, &started, sizeof(started), MSG_NOSIGNAL) < 0 || started.error.code != ERR_NONE)
		_exit(0);
	ssize_t got = fd_recv_msg(agent_fd, &go, sizeof(go), fds, &n);
	if (got == (ssize_t)sizeof(go) && n == 1 && go.n_leftover <= sizeof(go.leftover)) {
		session_init(&s, fds[0]);
		run(&s, &go);
	} else {
		session_init(&s, -1);
		hang_up(&s);
	}
	_exit(0);
}
