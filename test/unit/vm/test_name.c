/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/auto.h"
#include "vm/name.h"

static const struct {
	const char *name, *error;
} bad[] = {
	{ "", "a VM's name cannot be empty" },
	{ "Otter", "VM name 'Otter' has 'O' at position 1" },
	{ "calm_otter", "VM name 'calm_otter' has '_' at position 5" },
	{ "a b", "VM name 'a...' has byte 0x20 at position 2" },
	{ "a\nb", "VM name 'a...' has byte 0x0a at position 2" },
	{ "otter\xc3\xa9", "VM name 'otter...' has byte 0xc3 at position 6" },
	{ "-otter", "VM name '-otter' has '-' at position 1" },
	{ "otter-", "VM name 'otter-' has '-' at position 6, its end" },
	{ "../x", "VM name '../x' has '.' at position 1" },
	{ "a123456789012345678901234567890123456789012345678901234567890123",
		"VM name 'a1234567890123456789...' has 64 characters, 1 more than the 63 allowed" },
};

static void test_check(void **state)
{
	struct err e = { 0 };

	assert_ok(vm_name_check("a", &e));
	assert_ok(vm_name_check("0", &e));
	assert_ok(vm_name_check("calm-otter", &e));
	assert_ok(vm_name_check("a12345678901234567890123456789012345678901234567890123456789012", &e));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(vm_name_check(bad[i].name, &e), -1);
		assert_int_equal(e.code, ERR_INVALID);
		assert_string_equal(e.msg, bad[i].error);
		err_clear(&e);
	}
}

/* Every generated name is valid, they differ, and later attempts have more room. */
static void test_generate(void **state)
{
	char a[VM_NAME_MAX + 1], b[VM_NAME_MAX + 1];
	struct err e = { 0 };
	int differ = 0;

	for (int i = 0; i < 200; i++) {
		assert_ok(vm_name_check(vm_name_generate((unsigned)i % 8, a), &e));
		assert_ok(vm_name_check(vm_name_generate((unsigned)i % 8, b), &e));
		differ += strcmp(a, b) != 0;
	}
	assert_true(differ > 190);
	vm_name_generate(3, a);
	assert_non_null(strchr(strchr(a, '-') + 1, '-'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_generate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
