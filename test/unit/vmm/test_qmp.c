/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Against a real QEMU without a guest, where there is one. */
#include "unit.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/proc.h"
#include "vmm/qemu/qmp.h"

static char dir[] = "/tmp/banger-qmp-XXXXXX";
static char path[100];

static pid_t start_qemu(void)
{
	char socket_arg[160];
	struct err e = { 0 };
	pid_t pid;

	/* -daemonize would leave when the socket is there; instead the listening socket is ours from the start, so nothing is waited for. */
	int listen_fd;
	assert_ok(fd_listen_unix(path, 0600, &listen_fd, &e));
	snprintf(socket_arg, sizeof(socket_arg), "socket,id=q,fd=10,server=on,wait=off");
	char *argv[] = { "qemu-system-x86_64", "-M", "none", "-nodefaults", "-display", "none", "-chardev", socket_arg, "-mon", "chardev=q,mode=control", NULL };
	struct proc_fd fds[] = { { listen_fd, 10 } };
	struct proc_spawn how = { .path = "/usr/bin/qemu-system-x86_64", .argv = argv, .fds = fds, .n_fds = 1, .die_with_parent = true };
	assert_ok(proc_start(&how, &pid, NULL, &e));
	close(listen_fd);
	return pid;
}

static void pauses_and_resumes(void **state)
{
	struct err e = { 0 };
	int64_t deadline = time_now_ms() + 20000;
	enum vmm_run run;
	int status;
	pid_t pid;

	if (access("/usr/bin/qemu-system-x86_64", X_OK) < 0)
		skip();
	pid = start_qemu();
	assert_ok(qmp_query(path, deadline, &run, &e));
	assert_int_equal(run, VMM_RUNNING);
	assert_ok(qmp_pause(path, deadline, &e));
	assert_ok(qmp_query(path, deadline, &run, &e));
	assert_int_equal(run, VMM_PAUSED);
	assert_ok(qmp_resume(path, deadline, &e));
	assert_ok(qmp_query(path, deadline, &run, &e));
	assert_int_equal(run, VMM_RUNNING);
	kill(pid, SIGKILL);
	assert_ok(proc_wait(pid, deadline, &status, &e));
	assert_int_equal(qmp_query(path, deadline, &run, &e), -1);
	if (e.code != ERR_UNAVAILABLE && e.code != ERR_NOT_FOUND)
		fail_msg("%s", e.msg);
}

/* One peer that says text and hangs up. */
static int query_of(const char *text, struct err *e)
{
	enum vmm_run run;
	int listen_fd, fd, r;
	pid_t pid;

	unlink(path);
	if (fd_listen_unix(path, 0600, &listen_fd, e) < 0 || fd_set_nonblock(listen_fd, false, e) < 0)
		return -2;
	pid = fork();
	if (pid == 0) {
		fd = accept(listen_fd, NULL, NULL);
		_exit(write(fd, text, strlen(text)) < 0);
	}
	close(listen_fd);
	r = qmp_query(path, time_now_ms() + 5000, &run, e);
	waitpid(pid, NULL, 0);
	return r;
}

static void nonsense_is_refused(void **state)
{
	struct err e = { 0 };
	char *line = malloc(QMP_LINE_MAX + 8192);

	assert_err(query_of("hello\n", &e), ERR_CORRUPT);
	assert_err(query_of("{\"return\":{}}\n", &e), ERR_CORRUPT);
	assert_err(query_of("{\"x\":1}\n", &e), ERR_CORRUPT);
	assert_err(query_of("{\"event\":\"STOP\"}\n", &e), ERR_UNAVAILABLE);
	assert_err(query_of("", &e), ERR_UNAVAILABLE);
	memset(line, ' ', QMP_LINE_MAX + 8191);
	line[QMP_LINE_MAX + 8191] = 0;
	assert_err(query_of(line, &e), ERR_CORRUPT);
	free(line);
}

static void knows_kinds(void **state)
{
	static const struct {
		const char *line;
		enum qmp_kind kind;
	} cases[] = {
		{ "{\"QMP\":{\"version\":{},\"capabilities\":[]}}", QMP_GREETING },
		{ "{\"return\":{}}\r", QMP_RETURN },
		{ "{\"error\":{\"class\":\"GenericError\",\"desc\":\"no\"}}", QMP_ERROR },
		{ "{\"event\":\"SHUTDOWN\",\"timestamp\":{}}", QMP_EVENT },
	};
	struct err e = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		enum qmp_kind kind = QMP_GREETING;
		struct json *j = NULL;
		assert_ok(qmp_parse(cases[i].line, strlen(cases[i].line), &kind, &j, &e));
		assert_int_equal(kind, cases[i].kind);
		json_free(j);
	}
}

static int make_dir(void **state)
{
	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/qmp", dir);
	return 0;
}

static int remove_dir(void **state)
{
	unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_kinds),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(pauses_and_resumes),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
