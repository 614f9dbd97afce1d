/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <sys/statvfs.h>

#include "base/auto.h"
#include "base/room.h"

/* Quotas need a file system of their own: test/hostvm/full_disk.sh. */
static void test_look(void **state)
{
	struct room r;
	struct err e = { 0 };
	struct statvfs s;

	assert_ok(room_look("/proc", &r, &e)); /* has no quota and no size */
	assert_int_equal(r.limit, ROOM_DISK);
	assert_int_equal(r.total_bytes, 0);
	assert_ok(room_look("/dev", &r, &e));
	assert_int_equal(statvfs("/dev", &s), 0);
	assert_int_equal(r.total_bytes, (uint64_t)s.f_blocks * s.f_frsize);
	assert_err(room_look("/proc/nowhere", &r, &e), ERR_NOT_FOUND);
}

static void test_text(void **state)
{
	static const struct {
		enum room_limit limit;
		const char *text;
	} rows[] = {
		{ ROOM_DISK, "the file system of '/x' has 3M left" },
		{ ROOM_USER_QUOTA, "user 7's quota on the file system of '/x' has 3M left" },
		{ ROOM_GROUP_QUOTA, "group 7's quota on the file system of '/x' has 3M left" },
		{ ROOM_PROJECT, "the file system of '/x', or the quota of its project 7, has 3M left" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct room r = { .avail_bytes = 3 << 20, .limit = rows[i].limit, .id = 7 };
		AUTO_MEM char *text = room_text(&r, "/x");

		assert_string_equal(text, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_look),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
