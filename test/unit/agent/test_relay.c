/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/relay.h"

enum { BYTES = 3 << 20 };

/* A relay process between two socket pairs; what the test holds are the outer ends. */
static pid_t start(int outer[2], const char *first)
{
	int a[2], b[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, a), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, b), 0);
	pid = fork();
	if (pid == 0) {
		close(a[0]);
		close(b[0]);
		relay_run(a[1], b[1], first, strlen(first));
		_exit(7);
	}
	close(a[1]);
	close(b[1]);
	outer[0] = a[0];
	outer[1] = b[0];
	return pid;
}

static void assert_ended(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static size_t read_end(int fd)
{
	char buf[65536];
	size_t n = 0;
	ssize_t got;

	while ((got = read(fd, buf, sizeof(buf))) > 0)
		n += (size_t)got;
	return n;
}

static void write_all(int fd, size_t n)
{
	static char block[65536];

	for (size_t at = 0; at < n; at += sizeof(block))
		assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
}

/* The end of one direction is passed on, and the other goes on. */
static void test_half_close(void **state)
{
	char buf[8] = "";
	int fd[2];
	pid_t pid = start(fd, "first"), writer;

	writer = fork();
	if (writer == 0) {
		write_all(fd[0], BYTES);
		shutdown(fd[0], SHUT_WR);
		_exit(0);
	}
	assert_int_equal(recv(fd[1], buf, 5, MSG_WAITALL), 5);
	assert_string_equal(buf, "first");
	assert_int_equal(read_end(fd[1]), BYTES);
	waitpid(writer, NULL, 0);
	assert_int_equal(write(fd[1], "back", 4), 4);
	shutdown(fd[1], SHUT_WR);
	assert_int_equal(recv(fd[0], buf, 4, MSG_WAITALL), 4);
	assert_int_equal(read_end(fd[0]), 0);
	assert_ended(pid);
	close(fd[0]);
	close(fd[1]);
}

/* Who stops reading and goes away ends it, also with bytes on their way. */
static void test_broken(void **state)
{
	int fd[2];
	pid_t pid = start(fd, "");

	write_all(fd[0], 65536);
	close(fd[1]);
	while (write(fd[0], "x", 1) == 1)
		;
	assert_ended(pid);
	close(fd[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_half_close), cmocka_unit_test(test_broken) };

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
