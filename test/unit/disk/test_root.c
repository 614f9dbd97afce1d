/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "disk/root.h"

static char dir[64], *image;

static int set_up(void **state)
{
	AUTO_FD int fd = -1;

	strcpy(dir, "/tmp/banger-unit-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	image = mem_printf("%s/image", dir);
	fd = open(image, O_RDWR | O_CREAT, 0600);
	/* data, a hole of 64 MiB, data */
	return fd >= 0 && pwrite(fd, "head", 4, 0) == 4 && pwrite(fd, "tail", 4, 64 << 20) == 4 ? 0 : -1;
}

static int tear_down(void **state)
{
	struct err e = { 0 };

	free(image);
	return path_remove_tree(dir, &e);
}

static void test_snapshot(void **state)
{
	AUTO_MEM char *path = mem_printf("%s/%s", dir, disk_root_name(DISK_SNAPSHOT));
	struct err e = { 0 };
	struct stat st;

	assert_ok(disk_root_make(DISK_SNAPSHOT, image, path, 1ULL << 30, &e));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_blocks, 0);
	/* 4 KiB chunks: 16 bytes of exception for each, and a block for every 256 of them */
	assert_true(st.st_size >= (1LL << 30) + (1LL << 30) / 256);
	assert_ok(disk_store_grow(path, 2ULL << 30, &e));
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size > 2LL << 30);
	assert_err(disk_root_make(DISK_SNAPSHOT, image, path, 1ULL << 30, &e), ERR_EXISTS);
}

static void test_copy(void **state)
{
	AUTO_MEM char *path = mem_printf("%s/%s", dir, disk_root_name(DISK_COPY));
	AUTO_MEM char *missing = mem_printf("%s/missing", dir), *other = mem_printf("%s/other", dir);
	AUTO_FD int fd = -1;
	struct err e = { 0 };
	char buf[5] = "";
	struct stat st;

	assert_ok(disk_root_make(DISK_COPY, image, path, 0, &e));
	fd = open(path, O_RDONLY);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, (64 << 20) + 4);
	assert_true(st.st_blocks < 1024);
	assert_ok(fd_pread_all(fd, buf, 4, 64 << 20, &e));
	assert_string_equal(buf, "tail");
	assert_err(disk_root_make(DISK_COPY, missing, other, 0, &e), ERR_NOT_FOUND);
	assert_int_equal(access(other, F_OK), -1);
}

static void test_reflink(void **state)
{
	AUTO_MEM char *path = mem_printf("%s/clone", dir);
	struct err e = { 0 };

	if (disk_can_reflink(dir)) {
		assert_ok(disk_root_make(DISK_REFLINK, image, path, 0, &e));
		return;
	}
	assert_err(disk_root_make(DISK_REFLINK, image, path, 0, &e), ERR_UNAVAILABLE);
	assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_reflink),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
