/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "vsock/connect.h"

static char dir[] = "/tmp/banger-connect-XXXXXX";
static char path[100];

/* A peer that reads the line, says text and, if it is to stay, waits for our end. */
static pid_t peer(const char *text, bool stay)
{
	struct err e = { 0 };
	int listen_fd;
	char line[64];
	pid_t pid;

	assert_ok(fd_listen_unix(path, 0600, &listen_fd, &e));
	assert_ok(fd_set_nonblock(listen_fd, false, &e));
	pid = fork();
	if (pid == 0) {
		int fd = accept(listen_fd, NULL, NULL);
		ssize_t n = read(fd, line, sizeof(line));
		if (n != 13 || memcmp(line, "CONNECT 4000\n", 13) != 0 || write(fd, text, strlen(text)) < 0)
			_exit(1);
		while (stay && read(fd, line, sizeof(line)) > 0)
			;
		_exit(0);
	}
	close(listen_fd);
	return pid;
}

static void takes_the_answer_and_no_more(void **state)
{
	struct err e = { 0 };
	pid_t pid = peer("OK 1073741824\nfirst bytes", true);
	char buf[32];
	int fd, status;

	assert_ok(vsock_connect(path, 4000, time_now_ms() + 5000, &fd, &e));
	assert_int_equal(read(fd, buf, sizeof(buf)), 11);
	assert_memory_equal(buf, "first bytes", 11);
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void other_answers_fail(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
	} cases[] = {
		{ "", ERR_UNAVAILABLE }, { "OK", ERR_UNAVAILABLE }, { "NO\n", ERR_CORRUPT }, { "OK x\n", ERR_CORRUPT },
		{ "OK 111111111111111111111111111111111111\n", ERR_CORRUPT },
	};
	struct err e = { 0 };
	int fd;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		pid_t pid = peer(cases[i].text, false);
		assert_err(vsock_connect(path, 4000, time_now_ms() + 5000, &fd, &e), cases[i].code);
		waitpid(pid, NULL, 0);
	}
}

static void silence_ends_at_the_deadline(void **state)
{
	struct err e = { 0 };
	pid_t pid = peer("OK 1", true);
	int fd;

	assert_err(vsock_connect(path, 4000, time_now_ms() + 50, &fd, &e), ERR_TIMEOUT);
	waitpid(pid, NULL, 0);
	unlink(path);
	assert_err(vsock_connect(path, 4000, time_now_ms() + 50, &fd, &e), ERR_NOT_FOUND);
}

static int make_dir(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/v", dir);
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
		cmocka_unit_test(takes_the_answer_and_no_more),
		cmocka_unit_test(other_answers_fail),
		cmocka_unit_test(silence_ends_at_the_deadline),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
