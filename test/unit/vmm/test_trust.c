/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "vmm/trust.h"

static char dir[] = "/tmp/banger-trust-XXXXXX";

static const char *in_dir(const char *name)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void refused(const char *path, enum err_code code, const char *says)
{
	struct err e = { 0 };

	assert_int_equal(vmm_check_trusted("Firecracker", path, &e), -1);
	assert_int_equal(e.code, code);
	assert_non_null(strstr(e.msg, says));
}

/* The sticky bit keeps /tmp's names their owner's. */
static void test_roots_own(void **state)
{
	struct err e = { 0 };

	if (geteuid() != 0)
		skip();
	assert_ok(path_write_atomic(in_dir("good"), "x", 1, 0755, &e));
	assert_ok(vmm_check_trusted("Firecracker", in_dir("good"), &e));
	assert_int_equal(chmod(in_dir("good"), 0775), 0);
	refused(in_dir("good"), ERR_DENIED, "mode 0775");
	assert_int_equal(chmod(in_dir("good"), 0644), 0);
	refused(in_dir("good"), ERR_INVALID, "no executable file");
	assert_int_equal(chmod(in_dir("good"), 0755) | chown(in_dir("good"), 4242, 0), 0);
	refused(in_dir("good"), ERR_DENIED, "is of user 4242");
	assert_int_equal(chown(in_dir("good"), 0, 0) | chmod(dir, 0777), 0);
	refused(in_dir("good"), ERR_DENIED, "mode 0777");
	assert_int_equal(chmod(dir, 0755) | chown(dir, 4242, 0), 0);
	refused(in_dir("good"), ERR_DENIED, "is of user 4242");
	assert_int_equal(chown(dir, 0, 0), 0);
}

/* A folder on the way may be a link of root's, as /bin is; what is behind it is looked at. */
static void test_links(void **state)
{
	char through[200];
	struct err e = { 0 };

	if (geteuid() != 0)
		skip();
	snprintf(through, sizeof(through), "%s/way/program", dir);
	assert_int_equal(mkdir(in_dir("real"), 0755) | symlink("real", in_dir("way")), 0);
	assert_ok(path_write_atomic(in_dir("real/program"), "x", 1, 0755, &e));
	assert_ok(vmm_check_trusted("Firecracker", through, &e));
	assert_int_equal(symlink("program", in_dir("real/link")), 0);
	refused(in_dir("real/link"), ERR_INVALID, "is a symbolic link");
	assert_int_equal(chmod(in_dir("real"), 0777), 0);
	refused(through, ERR_DENIED, "mode 0777");
	assert_int_equal(chmod(in_dir("real"), 0755) | lchown(in_dir("way"), 4242, 0), 0);
	refused(through, ERR_DENIED, "is of user 4242");
}

static void test_no_program(void **state)
{
	refused("firecracker", ERR_INVALID, "is not an absolute path");
	refused("/nonexistent/firecracker", ERR_NOT_FOUND, "look at Firecracker");
	refused("/dev/null", ERR_INVALID, "no executable file");
	refused("/", ERR_INVALID, "no executable file");
}

static int set_up(void **state)
{
	return mkdtemp(dir) && chmod(dir, 0755) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	struct err e = { 0 };

	return path_remove_tree(dir, &e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roots_own),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_no_program),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
