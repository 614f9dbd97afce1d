/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The agent on a unix socket instead of vsock, with real commands. */
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "proto/exec_frames.h"
#include "proto/io_banger_agent.h"

enum { DEADLINE_MS = 20000 };

static char dir[] = "/tmp/banger-test-exec.XXXXXX", *socket_path;
static pid_t agent;

static int start_agent(void **state)
{
	struct err e = { 0 };
	int listen_fd = -1;

	assert_non_null(mkdtemp(dir));
	socket_path = mem_printf("%s/agent", dir);
	assert_ok(fd_listen_unix(socket_path, 0600, &listen_fd, &e));
	agent = fork();
	if (agent == 0) {
		struct loop *loop = NULL;
		struct varlink_server *srv = NULL;
		signal(SIGPIPE, SIG_IGN);
		signal(SIGCHLD, SIG_IGN);
		if (loop_new(&loop, &e) < 0 || agent_server_new(loop, &srv, &e) < 0 || varlink_server_listen(srv, listen_fd, NULL, &e) < 0 ||
		    loop_run(loop, &e) < 0)
			_exit(1);
	}
	close(listen_fd);
	return 0;
}

static int stop_agent(void **state)
{
	struct err e = { 0 };

	kill(agent, SIGKILL);
	waitpid(agent, NULL, 0);
	assert_ok(path_remove_tree(dir, &e));
	free(socket_path);
	return 0;
}

/* One exec as its client sees it. */
struct run {
	int fd;
	int64_t pid;
	struct exec_decoder in;
	struct str out, err;
	uint32_t credit;
	bool out_ended, err_ended, ended;
	struct exec_control exit;
};

static void run_done(struct run *r)
{
	if (r->fd >= 0)
		close(r->fd);
	exec_decoder_done(&r->in);
	str_done(&r->out);
	str_done(&r->err);
}

static MUST int call_agent(const struct exec_in *in, struct run *r, struct err *e)
{
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	AUTO_DONE(str_done) struct str leftover = STR_INIT;
	struct exec_out out = { 0 };

	*r = (struct run){ .fd = -1 };
	if (varlink_client_connect(socket_path, &c, e) < 0)
		return -1;
	varlink_client_set_deadline(c, time_now_ms() + DEADLINE_MS);
	if (call_exec_upgrade(c, in, &out, e) < 0)
		return -1;
	varlink_client_steal_fd(c, &r->fd, &leftover);
	r->pid = out.pid;
	size_t room;
	memcpy(exec_decoder_space(&r->in, &room), leftover.data ? leftover.data : "", leftover.len);
	exec_decoder_add(&r->in, leftover.len);
	return 0;
}

static void start(const char *script, const struct window_size *terminal, struct run *r)
{
	char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, (char *)(uintptr_t)script };
	struct window_size size = terminal ? *terminal : (struct window_size){ 0 };
	struct exec_in in = { .argv = argv, .n_argv = 3, .cwd = (char[]){ "/" }, .terminal = terminal ? &size : NULL };
	struct err e = { 0 };

	assert_ok(call_agent(&in, r, &e));
}

static void take(struct run *r, const struct exec_frame *f)
{
	struct exec_control c;
	struct err e = { 0 };

	assert_false(r->ended);
	if (f->channel == EXEC_OUT || f->channel == EXEC_ERR) {
		bool *over = f->channel == EXEC_OUT ? &r->out_ended : &r->err_ended;
		assert_false(*over);
		*over = f->n == 0;
		str_add_bytes(f->channel == EXEC_OUT ? &r->out : &r->err, f->data, f->n);
		return;
	}
	assert_int_equal(f->channel, EXEC_CONTROL);
	assert_ok(exec_control_decode(f->data, f->n, &c, &e));
	if (c.kind == EXEC_CONTROL_CREDIT) {
		r->credit += c.credit;
		return;
	}
	assert_true(r->out_ended && r->err_ended);
	r->exit = c;
	r->ended = true;
}

/* Takes what is there; false when that was nothing. */
static bool take_all(struct run *r)
{
	struct exec_frame f;
	struct err e = { 0 };
	bool any = false;
	int rc;

	while ((rc = exec_decoder_next(&r->in, &f, &e)) > 0) {
		take(r, &f);
		any = true;
	}
	assert_ok(rc);
	return any;
}

/* At least one frame, or a part of one. */
static void receive(struct run *r)
{
	struct err e = { 0 };
	size_t room;

	if (take_all(r)) /* it came right behind the reply */
		return;
	assert_ok(fd_wait(r->fd, POLLIN, time_now_ms() + DEADLINE_MS, &e));
	uint8_t *p = exec_decoder_space(&r->in, &room);
	ssize_t got = read(r->fd, p, room);
	assert_true(got > 0);
	exec_decoder_add(&r->in, (size_t)got);
	take_all(r);
}

static void finish(struct run *r)
{
	while (!r->ended)
		receive(r);
}

static void send_frame(struct run *r, enum exec_channel channel, const void *data, size_t n)
{
	struct err e = { 0 };

	assert_ok(exec_frame_send(r->fd, channel, data, n, time_now_ms() + DEADLINE_MS, &e));
}

static void wait_for(struct run *r, const char *text)
{
	while (!r->out.data || !strstr(r->out.data, text))
		receive(r);
}

static void test_output_and_status(void **state)
{
	AUTO_DONE(run_done) struct run r;

	start("echo out; echo err >&2; pwd; exit 7", NULL, &r);
	finish(&r);
	assert_string_equal(r.out.data, "out\n/\n");
	assert_string_equal(r.err.data, "err\n");
	assert_int_equal(r.exit.kind, EXEC_CONTROL_EXIT);
	assert_int_equal(r.exit.status, 7);
	assert_int_equal(r.exit.signal, 0);
	assert_true(r.pid > 0);
}

/* Many times the window through cat: credit has to come back, and nothing may be lost or turned round. */
static void test_stdin_by_credit(void **state)
{
	enum { WORDS = 1 << 20 };
	AUTO_DONE(run_done) struct run r;
	AUTO_MEM uint32_t *data = malloc(WORDS * sizeof(*data));
	size_t sent = 0, total = WORDS * sizeof(*data);

	for (uint32_t i = 0; i < WORDS; i++)
		data[i] = i;
	start("cat", NULL, &r);
	while (sent < total) {
		size_t n = total - sent < EXEC_PAYLOAD_BEST ? total - sent : EXEC_PAYLOAD_BEST;
		if (n > r.credit)
			n = r.credit;
		if (n) {
			send_frame(&r, EXEC_IN, (char *)data + sent, n);
			r.credit -= (uint32_t)n;
			sent += n;
		} else {
			receive(&r);
		}
	}
	send_frame(&r, EXEC_IN, NULL, 0);
	finish(&r);
	assert_int_equal(r.exit.status, 0);
	assert_int_equal(r.out.len, total);
	assert_memory_equal(r.out.data, data, total);
}

static void test_more_than_credit_ends_it(void **state)
{
	AUTO_DONE(run_done) struct run r;
	AUTO_MEM char *data = mem_new(EXEC_PAYLOAD_MAX);
	struct err e = { 0 };
	char end[4096];
	ssize_t n = 1;

	start("exec sleep 1000", NULL, &r);
	/* the agent may hang up before all of it is sent */
	for (int i = 0; i <= EXEC_WINDOW / EXEC_PAYLOAD_MAX + 8; i++)
		if (exec_frame_send(r.fd, EXEC_IN, data, EXEC_PAYLOAD_MAX, time_now_ms() + DEADLINE_MS, &e) < 0)
			break;
	while (n > 0)
		n = read(r.fd, end, sizeof(end));
	assert_true(n == 0 || errno == ECONNRESET);
}

static void test_not_executed(void **state)
{
	char *missing[] = { (char[]){ "no-such-program" } }, *folder[] = { (char[]){ "/etc" } }, *plain[] = { (char[]){ "/etc/passwd" } };
	const struct {
		char **argv;
		int status;
	} rows[] = { { missing, 127 }, { folder, 126 }, { plain, 126 } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_DONE(run_done) struct run r;
		struct exec_in in = { .argv = rows[i].argv, .n_argv = 1 };
		struct err e = { 0 };
		assert_ok(call_agent(&in, &r, &e));
		finish(&r);
		assert_int_equal(r.exit.status, rows[i].status);
		assert_non_null(strstr(r.exit.message, rows[i].argv[0]));
		assert_int_equal(r.pid, 0);
	}
}

static void test_signals(void **state)
{
	AUTO_DONE(run_done) struct run dead, told, caught;
	AUTO_DONE(str_done) struct str s = STR_INIT;
	char *sleep[] = { (char[]){ "sleep" }, (char[]){ "1000" } };
	struct err e = { 0 };

	start("kill -9 $$", NULL, &dead);
	finish(&dead);
	assert_int_equal(dead.exit.signal, SIGKILL);
	/* no shell: between fork and exec of a child it loses signals */
	assert_ok(call_agent(&(struct exec_in){ .argv = sleep, .n_argv = 2 }, &told, &e));
	exec_control_encode(&(struct exec_control){ .kind = EXEC_CONTROL_SIGNAL, .signal = SIGINT }, &s);
	send_frame(&told, EXEC_CONTROL, s.data, s.len);
	finish(&told);
	assert_int_equal(told.exit.signal, SIGINT);
	/* what a shell makes of it */
	start("trap 'echo caught; exit 9' INT; echo up; while :; do :; done", NULL, &caught);
	wait_for(&caught, "up");
	send_frame(&caught, EXEC_CONTROL, s.data, s.len);
	finish(&caught);
	assert_string_equal(caught.out.data, "up\ncaught\n");
	assert_int_equal(caught.exit.status, 9);
}

static void test_terminal(void **state)
{
	AUTO_DONE(run_done) struct run r;
	AUTO_DONE(str_done) struct str s = STR_INIT;

	start("stty size; tty >/dev/null && echo tty; read a; stty size; echo got $a; read b; echo got $b; cat", &(struct window_size){ 33, 99 },
	      &r);
	wait_for(&r, "tty");
	assert_int_equal(strncmp(r.out.data, "33 99\r\n", 7), 0);
	exec_control_encode(&(struct exec_control){ .kind = EXEC_CONTROL_RESIZE, .rows = 10, .columns = 20 }, &s);
	send_frame(&r, EXEC_CONTROL, s.data, s.len);
	send_frame(&r, EXEC_IN, "one\n", 4);
	wait_for(&r, "10 20\r\ngot one");
	send_frame(&r, EXEC_IN, "two\n", 4);
	wait_for(&r, "got two");
	send_frame(&r, EXEC_IN, NULL, 0); /* ends cat by the terminal's own end of file */
	finish(&r);
	assert_int_equal(r.exit.status, 0);
	assert_int_equal(r.err.len, 0);
}

/* Of what runs on behind the command only its output so far counts; the client is not kept waiting for it. */
static void test_background_does_not_hold(void **state)
{
	AUTO_DONE(run_done) struct run r;

	start("sleep 30 & echo $!; exit 4", NULL, &r);
	finish(&r);
	assert_int_equal(r.exit.status, 4);
	int pid = atoi(r.out.data);
	assert_int_equal(kill(pid, SIGKILL), 0);
}

static void test_hang_up_ends_it(void **state)
{
	struct run r;
	int pidfd;
	struct err e = { 0 };

	start("echo up; exec sleep 1000", NULL, &r);
	wait_for(&r, "up");
	pidfd = proc_pidfd((pid_t)r.pid);
	assert_true(pidfd >= 0);
	run_done(&r);
	assert_ok(fd_wait(pidfd, POLLIN, time_now_ms() + DEADLINE_MS, &e));
	close(pidfd);
}

static void test_many_at_once(void **state)
{
	enum { N = 20 };
	struct run r[N];

	for (int i = 0; i < N; i++)
		start("read a; exit $a", NULL, &r[i]);
	for (int i = N - 1; i >= 0; i--) {
		AUTO_MEM char *line = mem_printf("%d\n", i);
		send_frame(&r[i], EXEC_IN, line, strlen(line));
	}
	for (int i = 0; i < N; i++) {
		finish(&r[i]);
		assert_int_equal(r[i].exit.status, i);
		run_done(&r[i]);
	}
}

static void test_environment(void **state)
{
	AUTO_DONE(run_done) struct run r;
	char *argv[] = { (char[]){ "env" } };
	struct variable env[] = { { (char[]){ "TERM" }, (char[]){ "vt100" } }, { (char[]){ "HOME" }, (char[]){ "/tmp" } } };
	struct exec_in in = { .argv = argv, .n_argv = 1, .env = env, .n_env = 2, .cwd = (char[]){ "/" } };
	struct err e = { 0 };

	assert_ok(call_agent(&in, &r, &e));
	finish(&r);
	assert_non_null(strstr(r.out.data, "PATH=" AGENT_PATH "\n"));
	assert_non_null(strstr(r.out.data, "TERM=vt100\n"));
	assert_non_null(strstr(r.out.data, "HOME=/tmp\n"));
	assert_non_null(strstr(r.out.data, "USER=root\n"));
}

static void test_refused(void **state)
{
	char *argv[] = { (char[]){ "true" } };
	struct variable bad = { (char[]){ "A=B" }, (char[]){ "" } };
	const struct exec_in rows[] = {
		{ .argv = argv, .n_argv = 1, .cwd = (char[]){ "relative" } },
		{ .argv = argv, .n_argv = 1, .wait = (char[]){ "never" } },
		{ .argv = argv, .n_argv = 1, .env = &bad, .n_env = 1 },
		{ .argv = argv, .n_argv = 1, .terminal = &(struct window_size){ 70000, 1 } },
	};
	struct run r;
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_err(call_agent(&rows[i], &r, &e), ERR_INVALID);
	assert_err(call_agent(&(struct exec_in){ .argv = argv, .n_argv = 1, .cwd = (char[]){ "/no/such/folder" } }, &r, &e), ERR_NOT_FOUND);
}

static void test_health(void **state)
{
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	struct health_out h = { 0 };
	struct err e = { 0 };

	assert_ok(varlink_client_connect(socket_path, &c, &e));
	assert_ok(call_health(c, &(struct health_in){ 0 }, &h, &e));
	assert_true(h.memory_total_kib > 0 && h.memory_available_kib > 0 && h.processes > 1 && h.uptime_ms > 0);
	assert_non_null(h.system);
	health_out_done(&h);
	assert_ok(call_sync(c, &(struct sync_in){ 0 }, NULL, &e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output_and_status),
		cmocka_unit_test(test_stdin_by_credit),
		cmocka_unit_test(test_more_than_credit_ends_it),
		cmocka_unit_test(test_not_executed),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_background_does_not_hold),
		cmocka_unit_test(test_hang_up_ends_it),
		cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_health),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, start_agent, stop_agent);
}
