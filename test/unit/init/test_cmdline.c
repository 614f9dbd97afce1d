/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/auto.h"
#include "init/cmdline.h"

static void test_snapshot(void **state)
{
	AUTO_DONE(cmdline_done) struct cmdline c = { 0 };
	struct err e = { 0 };

	assert_ok(cmdline_parse("console=ttyS0 quiet banger.disks=base:vda,work:vdb,modules:vdc,store:vdd  banger.root_mib=2048 init=/bin/x\n", &c, &e));
	assert_string_equal(c.base, "vda");
	assert_string_equal(c.work, "vdb");
	assert_string_equal(c.modules, "vdc");
	assert_string_equal(c.store, "vdd");
	assert_null(c.root);
	assert_int_equal(c.root_mib, 2048);
	assert_int_equal(c.chunk, CMDLINE_CHUNK);
	assert_string_equal(c.init, "/bin/x");
}

static void test_whole_root(void **state)
{
	AUTO_DONE(cmdline_done) struct cmdline c = { 0 };
	struct err e = { 0 };

	/* the last init= counts, as it does for the kernel; what follows -- is not ours */
	assert_ok(cmdline_parse("banger.disks=root:vda banger.chunk=16 init=/a init=/b -- banger.root_mib=9 init=/c", &c, &e));
	assert_string_equal(c.root, "vda");
	assert_null(c.store);
	assert_int_equal(c.chunk, 16);
	assert_int_equal(c.root_mib, 0);
	assert_string_equal(c.init, "/b");
}

static void test_nothing_of_ours(void **state)
{
	AUTO_DONE(cmdline_done) struct cmdline c = { 0 };
	struct err e = { 0 };

	assert_ok(cmdline_parse("", &c, &e));
	assert_null(c.root);
	assert_null(c.init);
}

static void test_refused(void **state)
{
	static const char *const bad[] = { "banger.disks=root", "banger.disks=root:", "banger.disks=:vda", "banger.disks=what:vda",
		"banger.disks=root:vda,root:vdb", "banger.disks=root:../x", "banger.disks=base:vda", "banger.disks=store:vda",
		"banger.disks=root:vda,base:vdb,store:vdc", "banger.disks=root:vda,,", "banger.root_mib=x banger.disks=root:vda",
		"banger.chunk=0", "banger.disks=root:abcdefghijklmnopqrstuvwxyzabcdef" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct cmdline c = { 0 };
		struct err e = { 0 };
		assert_err(cmdline_parse(bad[i], &c, &e), ERR_INVALID);
		assert_null(c.root);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_whole_root),
		cmocka_unit_test(test_nothing_of_ours),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
