/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/auto.h"
#include "vm/spec.h"
#include "vm/state.h"

static void test_next(void **state)
{
	struct err e = { 0 };
	enum vm_state next;

	assert_ok(vm_state_next("x", VM_STATE_CREATED, VM_ACT_START, &next, &e));
	assert_int_equal(next, VM_STATE_STARTING);
	assert_ok(vm_state_next("x", VM_STATE_RUNNING, VM_ACT_DELETE_FORCE, &next, &e));
	assert_int_equal(next, VM_STATE_DELETING);
	assert_ok(vm_state_next("x", VM_STATE_ERROR, VM_ACT_STOP, &next, &e));
	assert_int_equal(next, VM_STATE_STOPPING);
}

static void test_refused(void **state)
{
	static const struct {
		enum vm_state from;
		enum vm_act act;
		enum err_code code;
	} rows[] = {
		{ VM_STATE_RUNNING, VM_ACT_START, ERR_STATE }, { VM_STATE_RUNNING, VM_ACT_DELETE, ERR_STATE }, { VM_STATE_RUNNING, VM_ACT_SET, ERR_STATE }, { VM_STATE_RUNNING, VM_ACT_FILE, ERR_STATE },
		{ VM_STATE_STOPPED, VM_ACT_STOP, ERR_STATE },  { VM_STATE_CREATED, VM_ACT_CONNECT, ERR_STATE }, { VM_STATE_ERROR, VM_ACT_START, ERR_STATE },
		{ VM_STATE_PAUSED, VM_ACT_STOP, ERR_STATE },   { VM_STATE_PAUSED, VM_ACT_CONNECT, ERR_STATE }, { VM_STATE_PAUSED, VM_ACT_START, ERR_STATE },
		{ VM_STATE_STARTING, VM_ACT_STOP, ERR_BUSY },  { VM_STATE_DELETING, VM_ACT_START, ERR_BUSY },
	};
	struct err e = { 0 };
	enum vm_state next;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(vm_state_next("otter", rows[i].from, rows[i].act, &next, &e), -1);
		assert_int_equal(e.code, rows[i].code);
		assert_non_null(strstr(e.msg, "'otter'"));
		if (rows[i].act != VM_ACT_START || rows[i].from != VM_STATE_RUNNING)
			assert_true(*e.hint);
		err_clear(&e);
	}
}

/* What a hint names must not be refused too. */
static void test_hints(void **state)
{
	static const enum vm_act asked[] = { VM_ACT_START, VM_ACT_RESTART, VM_ACT_SET, VM_ACT_FILE, VM_ACT_CONNECT };
	struct err e = { 0 };
	enum vm_state next;

	for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
		assert_int_equal(vm_state_next("otter", VM_STATE_ERROR, asked[i], &next, &e), -1);
		assert_string_equal(e.hint, "banger vm show otter says why; banger vm stop otter clears it");
		err_clear(&e);
		assert_int_equal(vm_state_next("otter", VM_STATE_PAUSED, asked[i], &next, &e), -1);
		assert_string_equal(e.hint, "free space where banger vm show says: it goes on by itself; or banger vm kill otter ends it");
		err_clear(&e);
	}
	assert_ok(vm_state_next("otter", VM_STATE_ERROR, VM_ACT_STOP, &next, &e));
	assert_ok(vm_state_next("otter", VM_STATE_PAUSED, VM_ACT_KILL, &next, &e));
}

static void test_spec(void **state)
{
	struct spec_defaults d = { 2, 1024, 8192, 8192 };
	struct vm_create_in in = { .has_vcpus = true, .vcpus = 4 };
	struct vm_record vm = { 0 };
	struct err e = { 0 };

	assert_ok(vm_spec_resolve(&in, &d, &vm, &e));
	assert_int_equal(vm.vcpus, 4);
	assert_int_equal(vm.memory_mib, 1024);
	in.vcpus = 0;
	assert_err(vm_spec_resolve(&in, &d, &vm, &e), ERR_INVALID);
	in.vcpus = 33;
	assert_err(vm_spec_resolve(&in, &d, &vm, &e), ERR_INVALID);
	in = (struct vm_create_in){ .has_memory_mib = true, .memory_mib = -1 };
	assert_err(vm_spec_resolve(&in, &d, &vm, &e), ERR_INVALID);
	in = (struct vm_create_in){ .has_disk_mib = true, .disk_mib = INT64_MAX };
	assert_err(vm_spec_resolve(&in, &d, &vm, &e), ERR_INVALID);
}

static void test_set(void **state)
{
	struct vm_record vm = { .name = (char *)(uintptr_t) "otter", .vcpus = 2, .memory_mib = 512, .disk_mib = 1024, .root_mib = 2048 };
	struct vm_set_in in = { .has_disk_mib = true, .disk_mib = 2048 };
	struct err e = { 0 };

	assert_ok(vm_spec_check_set(&in, &vm, &e));
	in.disk_mib = 1000;
	assert_err(vm_spec_check_set(&in, &vm, &e), ERR_INVALID);
	in = (struct vm_set_in){ .has_root_mib = true, .root_mib = 2047 };
	assert_err(vm_spec_check_set(&in, &vm, &e), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_hints),
		cmocka_unit_test(test_spec),
		cmocka_unit_test(test_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
