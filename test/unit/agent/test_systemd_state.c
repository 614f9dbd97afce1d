/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/systemd_state.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "dbus/message.h"

/* As systemd 252 sent them, up to the serial numbers. */
static const uint8_t starting[] = "l\2\1\1\21\0\0\0\3\0\0\0\17\0\0\0\5\1u\0\2\0\0\0\10\1g\0\1v\0\0\1s\0\0\10\0\0\0starting";
static const uint8_t running[] = "l\2\1\1\20\0\0\0\5\0\0\0\17\0\0\0\5\1u\0\2\0\0\0\10\1g\0\1v\0\0\1s\0\0\7\0\0\0running";
static const uint8_t finished[] = "l\4\1\1\0\0\0\0\4\0\0\0\30\0\0\0\3\1s\0\17\0\0\0StartupFinished";

static void test_parse(void **state)
{
	char text[DBUS_STATE_MAX];
	struct dbus_message m;
	struct err e = { 0 };

	assert_ok(dbus_message_parse(running, sizeof(running), &m, &e));
	assert_int_equal(m.type, 2);
	assert_int_equal(m.reply_to, 2);
	dbus_body_variant(&m, text, sizeof(text));
	assert_string_equal(text, "running");
	assert_ok(dbus_message_parse(finished, sizeof(finished), &m, &e));
	assert_int_equal(m.type, 4);
	assert_string_equal(m.member, "StartupFinished");
	for (size_t n = 0; n < sizeof(running); n++)
		assert_err(dbus_message_parse(running, n, &m, &e), ERR_CORRUPT);
}

/* The other end: it says what systemd says while it boots. */
static bool serve(int listen_fd)
{
	struct err e = { 0 };
	char said[512];

	if (fd_wait(listen_fd, POLLIN, FD_FOREVER, &e) < 0)
		return false;
	int fd = accept(listen_fd, NULL, NULL);
	ssize_t n = read(fd, said, sizeof(said));
	bool ok = n > 20 && memcmp(said, "\0AUTH EXTERNAL 30\r\nBEGIN\r\n", 26) == 0;
	ok = ok && fd_write_all(fd, "OK 00\r\n", 7, FD_FOREVER, &e) == 0 && read(fd, said, sizeof(said)) > 0;
	ok = ok && fd_write_all(fd, starting, sizeof(starting), FD_FOREVER, &e) == 0;
	ok = ok && fd_write_all(fd, finished, sizeof(finished), FD_FOREVER, &e) == 0;
	/* Subscribe, both Gets: the second comes after the signal */
	ok = ok && fd_write_all(fd, running, sizeof(running), FD_FOREVER, &e) == 0;
	while (ok && read(fd, said, sizeof(said)) > 0)
		;
	return ok;
}

static void test_wait(void **state)
{
	char dir[] = "/tmp/banger-test-dbus.XXXXXX", got[DBUS_STATE_MAX];
	AUTO_MEM char *path = NULL;
	struct err e = { 0 };
	int listen_fd = -1, status;

	assert_non_null(mkdtemp(dir));
	path = mem_printf("%s/private", dir);
	assert_ok(fd_listen_unix(path, 0600, &listen_fd, &e));
	pid_t pid = fork();
	if (pid == 0)
		_exit(serve(listen_fd) ? 0 : 1);
	assert_ok(dbus_systemd_state(path, true, time_now_ms() + 20000, got, &e));
	assert_string_equal(got, "running");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(listen_fd);
	assert_ok(path_remove_tree(dir, &e));
	assert_err(dbus_systemd_state(path, true, time_now_ms() + 1000, got, &e), ERR_NOT_FOUND);
}

/* True once the process sleeps in a wait of that name (its wchan is a secret to some kernels: the system call is not). */
static bool sleeps_in(pid_t pid, long call)
{
	char path[64], text[64] = "";
	AUTO_FD int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 && strtol(text, NULL, 10) == call;
}

static void wait_asleep(pid_t pid, long call)
{
	while (!sleeps_in(pid, call))
		sched_yield();
}

static void touch(const char *dir, const char *name)
{
	AUTO_MEM char *path = mem_printf("%s/%s", dir, name);
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
}

/* Systemd from its folder to its end of boot, each step once the one who waits sleeps: no name yet; a name that does not listen; a name made
 * next while it still does not; and then it does. */
static void test_booted(void **state)
{
	char run[] = "/tmp/banger-test-run.XXXXXX", got[DBUS_STATE_MAX];
	AUTO_MEM char *folder = NULL;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct err e = { 0 };
	int status;

	if (geteuid() != 0)
		skip(); /* /proc/PID/syscall */
	assert_non_null(mkdtemp(run));
	folder = mem_printf("%s/systemd", run);
	pid_t pid = fork();
	if (pid == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
		_exit(dbus_systemd_booted(run, got, &e) == 0 && str_eq(got, "running") ? 0 : 1);
	wait_asleep(pid, SYS_read);
	assert_int_equal(mkdir(folder, 0700), 0);
	touch(run, "other");
	wait_asleep(pid, SYS_read);
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/private", folder);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	wait_asleep(pid, SYS_ppoll);
	touch(folder, "early");
	wait_asleep(pid, SYS_ppoll);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	assert_int_equal(listen(fd, 1), 0);
	touch(folder, "next");
	assert_true(serve(fd));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_ok(path_remove_tree(run, &e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_booted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
