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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_disk), cmocka_unit_test(test_tmpfs) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
