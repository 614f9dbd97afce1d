/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "vmm/kvm_probe.h"

/* The oracle is QEMU: a boot sector (mov ecx, 20000000; 1: dec ecx; jnz 1b; mov al, 0x42; out 0x10, al; hlt) that ends it with status
 * 0x42 * 2 + 1. A processor needs 10 ms for it; instruction by instruction in software it is 20 s. */
static bool qemu_runs_with_kvm(void)
{
	return system("printf '\\146\\271\\000\\055\\061\\001\\146\\111\\165\\374\\260\\102\\346\\020\\364%0495d\\125\\252' 0 > /tmp/banger-kvm-probe.$PPID && "
		      "timeout 6 qemu-system-x86_64 -accel kvm -m 32 -nodefaults -display none -device isa-debug-exit,iobase=0x10,iosize=1 "
		      "-drive file=/tmp/banger-kvm-probe.$PPID,format=raw,snapshot=on >/dev/null 2>&1; "
		      "r=$?; rm /tmp/banger-kvm-probe.$PPID; test $r -eq 133") == 0;
}

static void says_what_is_so_here(void **state)
{
	struct err e = { 0 };
	int64_t from = time_now_ms();
	bool works = vmm_kvm_probe("/dev/kvm", NULL, &e) == 0;

	assert_true(time_now_ms() - from < 3000);
	if (!works) {
		assert_true(e.code == ERR_NOT_FOUND || e.code == ERR_DENIED || e.code == ERR_UNAVAILABLE);
		assert_true(*e.hint);
	}
	if (system("command -v qemu-system-x86_64 >/dev/null") == 0)
		assert_int_equal(works, qemu_runs_with_kvm());
}

static void a_missing_device_is_not_found(void **state)
{
	struct err e = { 0 };

	bool lasting = true;

	assert_int_equal(vmm_kvm_probe("/nowhere/kvm", &lasting, &e), -1);
	assert_false(lasting);
	assert_non_null(strstr(e.hint, "modprobe"));
	assert_err(-1, ERR_NOT_FOUND);
}

static void another_file_is_no_kvm(void **state)
{
	struct err e = { 0 };

	bool lasting = true;

	assert_int_equal(vmm_kvm_probe("/dev/null", &lasting, &e), -1);
	assert_false(lasting);
	assert_non_null(strstr(e.msg, "opens but does not work"));
	assert_err(-1, ERR_UNAVAILABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_is_so_here),
		cmocka_unit_test(a_missing_device_is_not_found),
		cmocka_unit_test(another_file_is_no_kvm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
