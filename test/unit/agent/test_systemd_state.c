/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/systemd_state.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
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

/* The other end as a process: it says what systemd says while it boots. */
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
	if (pid == 0) {
		char said[512];
		if (fd_wait(listen_fd, POLLIN, FD_FOREVER, &e) < 0)
			_exit(1);
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
		_exit(ok ? 0 : 1);
	}
	assert_ok(dbus_systemd_state(path, true, time_now_ms() + 20000, got, &e));
	assert_string_equal(got, "running");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(listen_fd);
	assert_ok(path_remove_tree(dir, &e));
	assert_err(dbus_systemd_state(path, true, time_now_ms() + 1000, got, &e), ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
