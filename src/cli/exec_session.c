/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/exec_session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "cli/tty.h"
#include "proto/exec_frames.h"
#include "proto/io_banger_agent.h"

#define REQUEST_MAX (127 * 1024) /* bytes of JSON; agents take messages of 128 KiB */

enum { ON_SOCKET, ON_SIGNALS, ON_STDIN, ON_OUT, ON_ERR, ON_COUNT };

/* A command under way. */
struct session {
	const char *vm;
	int sock; /* non-blocking */
	int signal_fd;
	struct exec_decoder in;
	struct str to_send; /* frames that the socket has not taken yet */
	struct sink out, err;
	uint8_t *stdin_buf; /* header and payload of one frame */
	size_t credit;      /* bytes of stdin the guest still welcomes */
	bool stdin_ended, terminal;
	bool told_pipe; /* the command has been told that nobody reads its output */
	bool finished;
	int status;
};

/* Signals that go to the command instead of ending us. */
static const int forwarded[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH };

static MUST int flush_socket(struct session *s, struct err *e)
{
	while (s->to_send.len) {
		ssize_t n = write(s->sock, s->to_send.data, s->to_send.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			return err_sys(e, errno, "send to '%s'", s->vm);
		str_consume(&s->to_send, (size_t)n);
	}
	return 0;
}

static MUST int send_control(struct session *s, const struct exec_control *c, struct err *e)
{
	AUTO_DONE(str_done) struct str text = STR_INIT;
	uint8_t header[EXEC_HEADER];

	exec_control_encode(c, &text);
	exec_frame_header(header, EXEC_CONTROL, text.len);
	str_add_bytes(&s->to_send, header, sizeof(header));
	str_add_bytes(&s->to_send, text.data, text.len);
	return flush_socket(s, e);
}

static MUST int send_size(struct session *s, struct err *e)
{
	struct exec_control c = { .kind = EXEC_CONTROL_RESIZE };
	int rows, columns;

	tty_size(&rows, &columns);
	c.rows = (uint16_t)rows;
	c.columns = (uint16_t)columns;
	return send_control(s, &c, e);
}

static MUST int send_signal(struct session *s, int sig, struct err *e)
{
	struct exec_control c = { .kind = EXEC_CONTROL_SIGNAL, .signal = sig };

	return send_control(s, &c, e);
}

static MUST int on_signals(struct session *s, struct err *e)
{
	struct signalfd_siginfo info;

	while (read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGWINCH) {
			if (s->terminal && send_size(s, e) < 0)
				return -1;
		} else if (send_signal(s, (int)info.ssi_signo, e) < 0) {
			return -1;
		}
	}
	return 0;
}

/* Only as much is read as the guest welcomes, and only once all before it has left. */
static MUST int on_stdin(struct session *s, struct err *e)
{
	size_t room = s->credit < EXEC_PAYLOAD_BEST ? s->credit : EXEC_PAYLOAD_BEST;
	ssize_t n = read(STDIN_FILENO, s->stdin_buf + EXEC_HEADER, room);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	n = n < 0 ? 0 : n; /* a terminal that hung up reads as EIO: its end */
	s->stdin_ended = n == 0;
	s->credit -= (size_t)n;
	exec_frame_header(s->stdin_buf, EXEC_IN, (size_t)n);
	str_add_bytes(&s->to_send, s->stdin_buf, EXEC_HEADER + (size_t)n);
	return flush_socket(s, e);
}

static MUST int on_control(struct session *s, const struct exec_frame *f, struct err *e)
{
	struct exec_control c;

	if (exec_control_decode(f->data, f->n, &c, e) < 0)
		return -1;
	switch (c.kind) {
	case EXEC_CONTROL_CREDIT:
		if (s->credit > SIZE_MAX / 2)
			return err_set(e, ERR_CORRUPT, "'%s' welcomes more input than there can be", s->vm);
		s->credit += c.credit;
		return 0;
	case EXEC_CONTROL_EXIT:
		s->finished = true;
		s->status = c.signal ? 128 + c.signal : c.status;
		if (*c.message)
			fprintf(stderr, "banger: %s%s", c.message, s->terminal ? "\r\n" : "\n");
		return 0;
	case EXEC_CONTROL_ERROR:
		return err_set(e, ERR_SYSTEM, "the agent in '%s': %s", s->vm, c.message);
	case EXEC_CONTROL_OTHER:
	case EXEC_CONTROL_RESIZE:
	case EXEC_CONTROL_SIGNAL:
		return 0;
	}
	return 0;
}

static MUST int on_output(struct session *s, struct sink *sink, const struct exec_frame *f, struct err *e)
{
	if (sink_write(sink, f->data, f->n, e) < 0)
		return -1;
	if (!sink->gone || s->told_pipe)
		return 0;
	s->told_pipe = true;
	return send_signal(s, SIGPIPE, e);
}

static MUST int on_frames(struct session *s, struct err *e)
{
	struct exec_frame f;
	int rc;

	/* What a full pipe does not take stays in the decoder, so the guest is held back. */
	while (!s->finished && !s->out.pending.len && !s->err.pending.len) {
		rc = exec_decoder_next(&s->in, &f, e);
		if (rc <= 0)
			return rc;
		if (f.channel == EXEC_CONTROL)
			rc = on_control(s, &f, e);
		else if (f.channel == EXEC_OUT || f.channel == EXEC_ERR)
			rc = on_output(s, f.channel == EXEC_OUT ? &s->out : &s->err, &f, e);
		else
			rc = err_set(e, ERR_CORRUPT, "'%s' sends input", s->vm);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static MUST int on_socket(struct session *s, struct err *e)
{
	size_t room;
	uint8_t *p = exec_decoder_space(&s->in, &room);
	ssize_t n = read(s->sock, p, room);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0) {
		err_set(e, ERR_UNAVAILABLE, "the connection to '%s' was lost while the command ran", s->vm);
		return err_hint(e, "banger vm show %s tells whether it still runs", s->vm);
	}
	exec_decoder_add(&s->in, (size_t)n);
	return on_frames(s, e);
}

static MUST int turn(struct session *s, struct err *e)
{
	bool held = s->out.pending.len || s->err.pending.len;
	bool reads = !s->stdin_ended && s->credit && !s->to_send.len;
	struct pollfd p[ON_COUNT] = {
		[ON_SOCKET] = { s->sock, (short)((held ? 0 : POLLIN) | (s->to_send.len ? POLLOUT : 0)), 0 },
		[ON_SIGNALS] = { s->signal_fd, POLLIN, 0 },
		[ON_STDIN] = { reads ? STDIN_FILENO : -1, POLLIN, 0 },
		[ON_OUT] = { s->out.pending.len ? s->out.fd : -1, POLLOUT, 0 },
		[ON_ERR] = { s->err.pending.len ? s->err.fd : -1, POLLOUT, 0 },
	};

	if (held && !s->to_send.len)
		p[ON_SOCKET].fd = -1;
	if (poll(p, ON_COUNT, -1) < 0)
		return errno == EINTR ? 0 : err_sys(e, errno, "poll");
	if (p[ON_SIGNALS].revents && on_signals(s, e) < 0)
		return -1;
	if ((p[ON_OUT].revents && sink_flush(&s->out, e) < 0) || (p[ON_ERR].revents && sink_flush(&s->err, e) < 0))
		return -1;
	if ((p[ON_SOCKET].revents & POLLOUT) && flush_socket(s, e) < 0)
		return -1;
	/* Frames kept back while a pipe was full come first. */
	if (held)
		return on_frames(s, e);
	if ((p[ON_SOCKET].revents & (POLLIN | POLLHUP | POLLERR)) && on_socket(s, e) < 0)
		return -1;
	return p[ON_STDIN].revents && !s->finished ? on_stdin(s, e) : 0;
}

static MUST int drain(struct session *s, struct err *e)
{
	struct sink *sinks[] = { &s->out, &s->err };

	for (size_t i = 0; i < ARRAY_LEN(sinks); i++)
		while (sinks[i]->pending.len) {
			if (fd_wait(sinks[i]->fd, POLLOUT, FD_FOREVER, e) < 0 || sink_flush(sinks[i], e) < 0)
				return -1;
		}
	return 0;
}

/* The signals are blocked while the session lasts and read from a descriptor; `before` is the mask to return to. */
static MUST int take_signals(struct session *s, sigset_t *before, struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(forwarded); i++)
		sigaddset(&set, forwarded[i]);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0)
		return err_sys(e, errno, "signalfd");
	sigprocmask(SIG_BLOCK, &set, before);
	return 0;
}

static MUST int run_stream(struct session *s, struct err *e)
{
	if (on_frames(s, e) < 0)
		return -1;
	while (!s->finished)
		if (turn(s, e) < 0)
			return -1;
	return drain(s, e);
}

static void add_variable(struct exec_in *in, const char *name, size_t n, const char *value)
{
	in->env = mem_grow(in->env, in->n_env, sizeof(*in->env));
	in->env[in->n_env++] = (struct variable){ .name = mem_strndup(name, n), .value = mem_strdup(value) };
}

static void fill_request(const struct exec_session *how, bool terminal, struct exec_in *in)
{
	const char *term = getenv("TERM");

	for (size_t i = 0; i < how->argv->n; i++) {
		in->argv = mem_grow(in->argv, in->n_argv, sizeof(*in->argv));
		in->argv[in->n_argv++] = mem_strdup(how->argv->items[i]);
	}
	if (terminal) {
		int rows, columns;

		tty_size(&rows, &columns);
		in->terminal = NEW(struct window_size);
		*in->terminal = (struct window_size){ .rows = rows, .columns = columns };
		add_variable(in, "TERM", 4, term && *term ? term : "xterm");
	}
	for (size_t i = 0; how->env && i < how->env->n; i++) {
		const char *item = how->env->items[i];
		size_t n = strcspn(item, "=");
		AUTO_MEM char *name = mem_strndup(item, n);
		const char *value = item[n] ? item + n + 1 : getenv(name);

		if (n && value)
			add_variable(in, item, n, value);
	}
	in->cwd = mem_strdup(how->cwd);
	in->wait = how->wait_system ? mem_strdup("system") : NULL;
}

static MUST int begin(struct varlink_client *agent, const struct exec_session *how, struct session *s, struct err *e)
{
	AUTO_DONE(exec_in_done) struct exec_in in = { 0 };
	AUTO_DONE(str_done) struct str leftover = STR_INIT;
	AUTO_DONE(str_done) struct str text = STR_INIT;

	fill_request(how, s->terminal, &in);
	json_encode(&exec_in_type, &in, &text);
	if (text.len > REQUEST_MAX) {
		err_set(e, ERR_INVALID, "the command for '%s' has %zu bytes, more than the %d allowed", how->vm,
			text.len, REQUEST_MAX);
		return err_hint(e, "hand long data over by standard input");
	}
	if (call_exec_upgrade(agent, &in, NULL, e) < 0)
		return err_wrap(e, "run a command in '%s'", how->vm);
	varlink_client_steal_fd(agent, &s->sock, &leftover);
	/* Bytes that came behind the reply are the first frames. */
	for (size_t at = 0; at < leftover.len;) {
		size_t room;
		uint8_t *p = exec_decoder_space(&s->in, &room);

		room = room < leftover.len - at ? room : leftover.len - at;
		if (!room)
			return err_set(e, ERR_CORRUPT, "'%s' sent more than fits", how->vm);
		memcpy(p, leftover.data + at, room);
		exec_decoder_add(&s->in, room);
		at += room;
	}
	return fd_set_nonblock(s->sock, true, e);
}

static MUST int run_session(struct session *s, struct err *e)
{
	AUTO_DONE(tty_restore) struct tty tty = { 0 };
	sigset_t before;
	int rc;

	if (take_signals(s, &before, e) < 0)
		return -1;
	if (s->terminal && tty_make_raw(&tty, e) < 0)
		return -1;
	rc = run_stream(s, e);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}

int exec_session_run(struct varlink_client *agent, const struct exec_session *how, int *ret_status, struct err *e)
{
	struct session s = { .vm = how->vm, .sock = -1, .signal_fd = -1 };
	int rc;

	if (how->tty > 0 && !isatty(STDIN_FILENO))
		return err_set(e, ERR_INVALID, "--tty needs a terminal as standard input");
	s.terminal = how->tty > 0 ||
		(!how->tty && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO));
	s.stdin_buf = mem_new(EXEC_HEADER + EXEC_PAYLOAD_MAX);
	sink_open(&s.out, STDOUT_FILENO);
	sink_open(&s.err, STDERR_FILENO);
	rc = begin(agent, how, &s, e);
	if (rc == 0)
		rc = run_session(&s, e);
	if (rc == 0)
		*ret_status = s.status;
	sink_done(&s.out);
	sink_done(&s.err);
	exec_decoder_done(&s.in);
	str_done(&s.to_send);
	free(s.stdin_buf);
	auto_fd_close(&s.sock);
	auto_fd_close(&s.signal_fd);
	return rc;
}
