/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The caller's end of exec against the real agent, over a socket pair instead of vsock, with real commands of this machine. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/str.h"
#include "cli/exec_session.h"
#include "proto/server.h"

#define WAIT_MS 20000 /* for anything that must happen */
#define OURS 125

/* The caller's process: its standard streams, or a terminal's master. */
struct caller {
	pid_t pid, agent;
	int in, out, err, master;
};

static void serve_agent(int fd)
{
	struct varlink_server *srv;
	struct err e = { 0 };
	struct loop *l;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	if (loop_new(&l, &e) < 0 || agent_server_new(l, &srv, &e) < 0 ||
		varlink_server_add(srv, fd, NULL, NULL, &e) < 0 || loop_run(l, &e) < 0)
		fprintf(stderr, "agent: %s\n", e.msg);
	_exit(1);
}

static void call_agent(int fd, const struct exec_session *how)
{
	struct varlink_client *c;
	struct err e = { 0 };
	int status = OURS;

	signal(SIGPIPE, SIG_IGN);
	if (varlink_client_from_fd(fd, &c, &e) < 0 || exec_session_run(c, how, &status, &e) < 0)
		fprintf(stderr, "%s\n", e.msg);
	_exit(e.code ? OURS : status);
}

static pid_t fork_agent(int pair[2])
{
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nothing behind */
		close(pair[0]);
		serve_agent(pair[1]);
	}
	close(pair[1]);
	return pid;
}

/* Commands are one string for sh; NULL argv members end it. */
static struct caller begin(const char *command, const char *name, const char *value)
{
	struct caller c = { .master = -1 };
	const char *argv[] = { "sh", "-c", command }, *env[] = { value };
	struct opt_list list = { name ? &name : argv, name ? 1 : ARRAY_LEN(argv) }, variables = { env, value ? 1 : 0 };
	struct exec_session how = { .vm = "otter", .argv = &list, .env = &variables, .cwd = value ? "/usr" : "/" };
	int pair[2], in[2], out[2], err[2];

	fflush(NULL);
	c.agent = fork_agent(pair);
	assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC), 0);
	c.pid = fork();
	if (!c.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		close(in[1]);
		close(out[0]);
		close(err[0]);
		call_agent(pair[0], &how);
	}
	close(pair[0]);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	c.in = in[1];
	c.out = out[0];
	c.err = err[0];
	return c;
}

/* Reads until the text has come, or the end. */
static void read_until(int fd, struct str *s, const char *text)
{
	int64_t deadline = time_now_ms() + WAIT_MS;
	struct err e = { 0 };
	char piece[4096];

	while (!text || !s->data || !strstr(s->data, text)) {
		ssize_t n;

		if (fd_wait(fd, POLLIN, deadline, &e) < 0)
			fail_msg("%s; so far: '%s'", e.msg, s->data ? s->data : "");
		n = read(fd, piece, sizeof(piece));
		if (n <= 0)
			return;
		str_add_bytes(s, piece, (size_t)n);
	}
}

static int finish(struct caller *c)
{
	int status;

	if (c->in >= 0)
		close(c->in);
	close(c->out);
	close(c->err);
	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	kill(c->agent, SIGKILL);
	waitpid(c->agent, NULL, 0);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Runs with empty input; both outputs and the status are as said. */
static void check(
	const char *command, const char *name, const char *value, const char *out, const char *err, int status)
{
	AUTO_DONE(str_done) struct str got_out = STR_INIT;
	AUTO_DONE(str_done) struct str got_err = STR_INIT;
	struct caller c = begin(command, name, value);

	close(c.in);
	c.in = -1;
	read_until(c.out, &got_out, NULL);
	read_until(c.err, &got_err, NULL);
	assert_int_equal(finish(&c), status);
	assert_string_equal(got_out.data ? got_out.data : "", out);
	if (err)
		assert_string_equal(got_err.data ? got_err.data : "", err);
	else
		assert_true(got_err.len > 0);
}

static void test_status(void **state)
{
	check("echo out; echo err >&2; exit 3", NULL, NULL, "out\n", "err\n", 3);
	check("exit 255", NULL, NULL, "", "", 255);
	check("kill -KILL $$", NULL, NULL, "", "", 128 + SIGKILL);
	check("kill -TERM $$", NULL, NULL, "", "", 128 + SIGTERM);
	check("printf '%s %s' \"$COLOUR\" \"$PWD\"", NULL, "COLOUR=green and blue", "green and blue /usr", "", 0);
	check("cat", NULL, NULL, "", "", 0);
	check(NULL, "no-such-command-here", NULL, "", NULL, 127);
	check(NULL, "/etc/passwd", NULL, "", NULL, 126);
}

/* More than every buffer on the way, both ways at once, byte for byte. */
static void test_bytes(void **state)
{
	enum { TOTAL = 6 << 20 };
	struct caller c = begin("cat", NULL, NULL);
	size_t sent = 0, seen = 0;
	uint8_t piece[50000];
	int status;

	fcntl(c.in, F_SETFL, O_NONBLOCK);
	while (seen < TOTAL) {
		struct pollfd p[] = { { c.out, POLLIN, 0 }, { c.in, POLLOUT, 0 } };
		ssize_t n;

		assert_true(poll(p, c.in >= 0 ? 2 : 1, WAIT_MS) > 0);
		if (c.in >= 0 && p[1].revents) {
			size_t want = sizeof(piece) < TOTAL - sent ? sizeof(piece) : TOTAL - sent;

			for (size_t i = 0; i < want; i++)
				piece[i] = (uint8_t)((sent + i) * 2654435761u >> 11);
			n = write(c.in, piece, want);
			sent += n > 0 ? (size_t)n : 0;
			if (sent == TOTAL) {
				close(c.in);
				c.in = -1;
			}
		}
		if (!p[0].revents)
			continue;
		n = read(c.out, piece, sizeof(piece));
		assert_true(n > 0);
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(piece[i], (uint8_t)((seen + (size_t)i) * 2654435761u >> 11));
		seen += (size_t)n;
	}
	assert_int_equal(read(c.out, piece, 1), 0);
	status = finish(&c);
	assert_int_equal(status, 0);
}

static void test_signal(void **state)
{
	struct caller c = begin("trap 'echo got; exit 7' TERM; echo ready; while :; do sleep 0.05; done", NULL, NULL);
	AUTO_DONE(str_done) struct str out = STR_INIT;

	read_until(c.out, &out, "ready");
	kill(c.pid, SIGTERM);
	read_until(c.out, &out, "got");
	assert_int_equal(finish(&c), 7);
	assert_string_equal(out.data, "ready\ngot\n");
}

/* Nobody reads the output any more: the command hears of it, as it would from a pipe. */
static void test_reader_gone(void **state)
{
	struct caller c = begin("yes", NULL, NULL);
	char byte;

	assert_int_equal(read(c.out, &byte, 1), 1);
	close(c.out);
	c.out = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(finish(&c), 128 + SIGPIPE);
}

/* A reader that does not read holds the guest back, and control still goes through. */
static void test_slow_reader(void **state)
{
	struct caller c = begin("yes 0123456789", NULL, NULL);
	AUTO_DONE(str_done) struct str out = STR_INIT;
	struct pollfd p = { c.err, POLLIN, 0 };

	read_until(c.out, &out, "0123456789");
	assert_int_equal(poll(&p, 1, 200), 0);
	kill(c.pid, SIGINT);
	read_until(c.out, &out, NULL);
	assert_int_equal(finish(&c), 128 + SIGINT);
	assert_int_equal(out.len % 11, 0);
}

static void test_lost(void **state)
{
	struct caller c = begin("echo $PPID; exec sleep 100", NULL, NULL);
	AUTO_DONE(str_done) struct str out = STR_INIT;
	AUTO_DONE(str_done) struct str err = STR_INIT;

	read_until(c.out, &out, "\n");
	/* The session's process holds the connection. */
	kill((pid_t)atoi(out.data), SIGKILL);
	kill(c.agent, SIGKILL);
	read_until(c.err, &err, NULL);
	assert_string_equal(err.data, "the connection to 'otter' was lost while the command ran\n");
	assert_int_equal(finish(&c), OURS);
}

static struct caller begin_tty(const char *command)
{
	struct caller c = { .in = -1, .out = -1, .err = -1, .master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC) };
	const char *argv[] = { "sh", "-c", command };
	struct opt_list list = { argv, ARRAY_LEN(argv) };
	struct exec_session how = { .vm = "otter", .argv = &list };
	struct winsize size = { .ws_row = 31, .ws_col = 97 };
	int pair[2], slave;

	assert_int_equal(grantpt(c.master) | unlockpt(c.master), 0);
	fflush(NULL);
	c.agent = fork_agent(pair);
	c.pid = fork();
	if (!c.pid) {
		struct termios before = { 0 }, after = { 0 };
		struct varlink_client *client;
		struct err e = { 0 };
		int status = OURS;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setsid();
		slave = open(ptsname(c.master), O_RDWR);
		ioctl(slave, TIOCSCTTY, 0);
		ioctl(slave, TIOCSWINSZ, &size);
		dup2(slave, 0);
		dup2(slave, 1);
		dup2(slave, 2);
		setenv("TERM", "vt100", 1);
		tcgetattr(0, &before);
		if (varlink_client_from_fd(pair[0], &client, &e) < 0 || exec_session_run(client, &how, &status, &e) < 0)
			fprintf(stderr, "%s\n", e.msg);
		tcgetattr(0, &after);
		/* As before, whatever happened; a line of its own says so, since closing a terminal may lose what is unread. */
		printf("mode %s status %d\n",
			before.c_iflag == after.c_iflag && before.c_oflag == after.c_oflag &&
					before.c_lflag == after.c_lflag
				? "kept"
				: "changed",
			status);
		fflush(stdout);
		_exit(status);
	}
	close(pair[0]);
	return c;
}

static void test_terminal(void **state)
{
	struct caller c = begin_tty("stty size; echo $TERM; trap 'stty size' WINCH; echo ready; read line; echo "
				    "\"<$line>\"; read again; exit 5");
	AUTO_DONE(str_done) struct str out = STR_INIT;
	struct winsize size = { .ws_row = 40, .ws_col = 120 };

	read_until(c.master, &out, "ready");
	assert_non_null(strstr(out.data, "31 97\r\n"));
	assert_non_null(strstr(out.data, "vt100\r\n"));
	assert_int_equal(write(c.master, "hello\r", 6), 6);
	read_until(c.master, &out, "<hello>");
	assert_int_equal(ioctl(c.master, TIOCSWINSZ, &size), 0);
	assert_int_equal(write(c.master, "\r", 1), 1);
	read_until(c.master, &out, "status 5");
	assert_non_null(strstr(out.data, "40 120"));
	assert_non_null(strstr(out.data, "mode kept"));
	assert_int_equal(finish(&c), 5);
	close(c.master);
}

/* Ctrl-C is a byte that the guest's terminal makes a signal of. (dash loses one that comes while it starts a program.) */
static void test_interrupt(void **state)
{
	struct caller c = begin_tty("trap 'exit 130' INT; echo ready; read line; echo not reached");
	AUTO_DONE(str_done) struct str out = STR_INIT;

	read_until(c.master, &out, "ready");
	assert_int_equal(write(c.master, "\003", 1), 1);
	read_until(c.master, &out, "status 130");
	assert_null(strstr(out.data, "not reached"));
	assert_int_equal(finish(&c), 130);
	close(c.master);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_signal),
		cmocka_unit_test(test_reader_gone),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_interrupt),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
