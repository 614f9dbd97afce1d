/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The oracle is cpio. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "kfile/initrd.h"

static char *listing(const char *path)
{
	struct str out = STR_INIT;
	char line[256], buf[512];

	snprintf(line, sizeof(line), "LC_ALL=C cpio --quiet -tv < %s 2>&1", path);
	FILE *p = popen(line, "r");
	assert_non_null(p);
	while (fgets(buf, sizeof(buf), p))
		str_add(&out, buf);
	str_addf(&out, "[%d]", WEXITSTATUS(pclose(p)));
	return str_take(&out);
}

static void make(int out_fd, size_t n_binary)
{
	struct err e = { 0 };
	char binary[] = "/tmp/test-initrd-XXXXXX";
	AUTO_FD int fd = mkstemp(binary);
	AUTO_DONE(str_done) struct str tail = STR_INIT;

	unlink(binary);
	for (size_t i = 0; i < n_binary; i++)
		assert_int_equal(write(fd, "b", 1), 1);
	assert_ok(kfile_initrd_write_head(out_fd, fd, &e));
	kfile_initrd_add(&tail, INITRD_MODULES "/a.ko", S_IFREG | 0644, "12345", 5, 0, 0);
	kfile_initrd_add(&tail, INITRD_ORDER, S_IFREG | 0644, "a.ko\n", 5, 0, 0);
	kfile_initrd_end(&tail);
	assert_ok(fd_write_all(out_fd, tail.data, tail.len, FD_FOREVER, &e));
}

static void test_cpio_reads_it(void **state)
{
	for (size_t n = 1; n < 9; n++) {
		char path[] = "/tmp/test-initrd-XXXXXX", want[64];
		AUTO_FD int fd = mkstemp(path);
		make(fd, n);
		AUTO_MEM char *got = listing(path);
		unlink(path);
		assert_non_null(strstr(got, "[0]"));
		snprintf(want, sizeof(want), " %zu Jan  1  1970 init\n", n);
		assert_non_null(strstr(got, want));
		assert_non_null(strstr(got, "crw-------   1 root     root       5,   1 Jan  1  1970 dev/console\n"));
		assert_non_null(strstr(got, "crw-rw-rw-   1 root     root       1,   3 Jan  1  1970 dev/null\n"));
		assert_non_null(strstr(got, "drwxr-xr-x   2 root     root            0 Jan  1  1970 modules\n"));
		assert_non_null(strstr(got, " 5 Jan  1  1970 modules/order\n"));
	}
}

static void test_same_input_same_bytes(void **state)
{
	char a[] = "/tmp/test-initrd-XXXXXX", b[] = "/tmp/test-initrd-XXXXXX", line[128];
	AUTO_FD int a_fd = mkstemp(a);
	AUTO_FD int b_fd = mkstemp(b);

	make(a_fd, 1000);
	make(b_fd, 1000);
	snprintf(line, sizeof(line), "cmp %s %s", a, b);
	int r = system(line);
	unlink(a);
	unlink(b);
	assert_int_equal(r, 0);
}

static void test_unusable_binary(void **state)
{
	struct err e = { 0 };
	AUTO_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_err(kfile_initrd_write_head(null, null, &e), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cpio_reads_it),
		cmocka_unit_test(test_same_input_same_bytes),
		cmocka_unit_test(test_unusable_binary),
	};
	return cmocka_run_group_tests_name("kfile/initrd", tests, NULL, NULL);
}
