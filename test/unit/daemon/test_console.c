/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "daemon/console.h"

enum { LINES = 100000, LINE = 16 };

static void test_cut(const char *dir)
{
	char path[64], line[LINE + 1], first[LINE + 1] = "", last[LINE + 1] = "";
	AUTO_FD int fd = -1;
	struct err e = { 0 };
	struct stat st;

	snprintf(path, sizeof(path), "%s/banger-unit-XXXXXX", dir);
	fd = mkstemp(path);
	assert_true(fd >= 0);
	for (int i = 0; i < LINES; i++) {
		snprintf(line, sizeof(line), "line %010d\n", i);
		assert_int_equal(write(fd, line, LINE), LINE);
	}
	assert_ok(console_cut(path, LINES * LINE, 1000, &e));
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, LINES * LINE);
	assert_ok(console_cut(path, 1 << 20, 64 << 10, &e));
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_size >= 64 << 10 && st.st_size < 128 << 10);
	assert_ok(fd_pread_all(fd, first, LINE, 0, &e));
	assert_ok(fd_pread_all(fd, last, LINE, st.st_size - LINE, &e));
	snprintf(line, sizeof(line), "line %010d\n", LINES - 1);
	assert_string_equal(last, line);
	snprintf(line, sizeof(line), "line %010d\n", (int)(LINES - st.st_size / LINE));
	assert_string_equal(first, line);
	unlink(path);
}

static void test_disk(void **state)
{
	test_cut("/tmp");
}

/* tmpfs cannot take a range out of a file. */
static void test_tmpfs(void **state)
{
	test_cut("/dev/shm");
}

static const struct {
	const char *text;
	enum console_word word;
} words[] = {
	{ "", CONSOLE_OTHER },
	{ "\n\r\n", CONSOLE_OTHER },
	{ "login: ", CONSOLE_OTHER },
	{ "[    3.512345] reboot: System halted\r\n", CONSOLE_HALTED },
	{ "stopping\r\n[    3.512345] reboot: Power down\r\n", CONSOLE_HALTED },
	{ "reboot: Power off not available: System halted instead\n", CONSOLE_HALTED },
	{ "[    3.512345] reboot: System halted\r\n[    0.000000] Linux version 6.1\r\n", CONSOLE_OTHER },
	{ "I say [    3.5] reboot: System halted\n", CONSOLE_OTHER },
	{ "reboot: Restarting system\r\n", CONSOLE_RESTARTED },
	{ "[ 3.1] banger: restarting\r\n[    3.512345] reboot: Restarting system with command 'x'\r\n", CONSOLE_RESTARTED },
	{ "[ 3.1] banger: powered off\r\n[    3.512345] reboot: Restarting system\r\n", CONSOLE_HALTED },
	{ "[ 3.1] banger: resetting\r\n[    3.512345] reboot: Restarting system\r\n", CONSOLE_OTHER },
	{ "[", CONSOLE_OTHER },
	{ "[    3.5", CONSOLE_OTHER },
};

static void test_last_word(void **state)
{
	char path[] = "/tmp/banger-unit-XXXXXX", many[2000];
	AUTO_FD int fd = mkstemp(path);

	assert_true(fd >= 0);
	memset(many, 'x', sizeof(many));
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t n = strlen(words[i].text);

		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, words[i].text, n, 0), (ssize_t)n);
		assert_int_equal(console_last_word(path, 0), words[i].word);
		/* the same at the end of a long log */
		assert_int_equal(pwrite(fd, many, sizeof(many), 0), (ssize_t)sizeof(many));
		assert_int_equal(pwrite(fd, "\n", 1, sizeof(many) - 1), 1);
		assert_int_equal(pwrite(fd, words[i].text, n, sizeof(many)), (ssize_t)n);
		assert_int_equal(console_last_word(path, 0), words[i].word);
		/* of the start before: not heard; nor when only an empty line came; of a log that was cut: heard */
		assert_int_equal(console_last_word(path, (int64_t)(sizeof(many) + n)), CONSOLE_OTHER);
		assert_int_equal(console_last_word(path, (int64_t)(sizeof(many) + n + 1)), words[i].word);
		assert_int_equal(console_last_word(path, (int64_t)sizeof(many)), words[i].word);
		assert_int_equal(pwrite(fd, "\r\n", 2, (off_t)(sizeof(many) + n)), 2);
		assert_int_equal(console_last_word(path, (int64_t)(sizeof(many) + n)), CONSOLE_OTHER);
	}
	unlink(path);
	assert_int_equal(console_last_word(path, 0), CONSOLE_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_disk), cmocka_unit_test(test_tmpfs), cmocka_unit_test(test_last_word) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
