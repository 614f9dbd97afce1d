/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "kernel/import.h"
#include "kernel/initrd.h"

static char root[] = "/tmp/test-kinitrd-XXXXXX";

static int binary(const char *text)
{
	struct err e = { 0 };
	AUTO_MEM char *path = mem_printf("%s/binary", root);

	assert_ok(path_write_atomic(path, text, strlen(text), 0755, &e));
	return open(path, O_RDONLY | O_CLOEXEC);
}

static char *folder(const char *name)
{
	struct err e = { 0 };
	char *dir = mem_printf("%s/%s", root, name);

	assert_ok(path_make_dirs(dir, 0700, &e));
	return dir;
}

static size_t count(const char *dir, const char *prefix)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	assert_non_null(d);
	for (struct dirent *de; (de = readdir(d));)
		n += str_starts(de->d_name, prefix);
	closedir(d);
	return n;
}

static int setup(void **state)
{
	return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
	struct err e = { 0 };

	return path_remove_tree(root, &e);
}

static void test_made_once_and_again_for_a_new_binary(void **state)
{
	struct err e = { 0 };
	AUTO_MEM char *dir = folder("k");
	AUTO_FD int old_fd = binary("old");
	char old[KERNEL_INITRD_NAME_SIZE], new[KERNEL_INITRD_NAME_SIZE];
	struct stat first, second;

	assert_ok(kernel_initrd_name(old_fd, old, &e));
	assert_ok(kernel_initrd(dir, old_fd, old, &e));
	AUTO_MEM char *path = mem_printf("%s/%s", dir, old);
	assert_int_equal(stat(path, &first), 0);
	assert_ok(kernel_initrd(dir, old_fd, old, &e));
	assert_int_equal(stat(path, &second), 0);
	assert_int_equal(first.st_ino, second.st_ino);
	AUTO_MEM char *list = mem_printf("test \"$(cpio --quiet -i --to-stdout init < %s)\" = old && cpio --quiet -t < %s | grep -qx modules/order", path,
					 path);
	assert_int_equal(system(list), 0);
	AUTO_FD int new_fd = binary("new");
	assert_ok(kernel_initrd_name(new_fd, new, &e));
	assert_string_not_equal(old, new);
	assert_ok(kernel_initrd(dir, new_fd, new, &e));
	assert_int_equal(count(dir, "initrd"), 1);
	assert_int_equal(stat(path, &second), -1);
}

static void test_failure_leaves_nothing(void **state)
{
	struct err e = { 0 };
	AUTO_MEM char *dir = folder("f");
	AUTO_FD int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_err(kernel_initrd(dir, null, "initrd-x", &e), ERR_INVALID);
	assert_int_equal(count(dir, "initrd"), 0);
	assert_err(kernel_initrd("/nonexistent", null, "initrd-x", &e), ERR_NOT_FOUND);
}

/* Eight processes ask at once; all succeed and one file is there. */
static void test_many_at_once(void **state)
{
	struct err e = { 0 };
	AUTO_MEM char *dir = folder("m");
	AUTO_FD int fd = binary("binary");
	pid_t pids[8];

	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(kernel_initrd(dir, fd, "initrd-x", &e) < 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		int status;
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(count(dir, "initrd"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made_once_and_again_for_a_new_binary),
		cmocka_unit_test(test_failure_leaves_nothing),
		cmocka_unit_test(test_many_at_once),
	};
	return cmocka_run_group_tests_name("kernel/initrd", tests, setup, teardown);
}
