/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/room.h"
#include "daemon/space.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static void test_reserve(void **state)
{
	assert_int_equal(room_reserve(1000 * MIB), 50 * MIB);
	assert_int_equal(room_reserve(100 * GIB), GIB);
	assert_int_equal(room_reserve(0), 0);
}

/* Between the reserve and twice of it nothing changes, so that a VM does not go to and fro. */
static void test_low(void **state)
{
	assert_false(space_is_low(1000 * MIB, 50 * MIB, false));
	assert_true(space_is_low(1000 * MIB, 50 * MIB - 1, false));
	assert_true(space_is_low(1000 * MIB, 100 * MIB - 1, true));
	assert_false(space_is_low(1000 * MIB, 100 * MIB, true));
	assert_false(space_is_low(0, 0, false)); /* what has no size cannot be full */
}

static void test_interval(void **state)
{
	assert_int_equal(space_interval(1000 * MIB, 0), 100);
	assert_int_equal(space_interval(1000 * MIB, 51 * MIB), 100);
	assert_int_equal(space_interval(100 * GIB, 3 * GIB), 1024);
	assert_int_equal(space_interval(1000 * GIB, 900 * GIB), 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_low),
		cmocka_unit_test(test_interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
