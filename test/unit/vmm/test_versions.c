/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "vmm/versions.h"

static void parses_what_firecracker_says(void **state)
{
	struct vmm_version v;
	struct err e = { 0 };

	assert_ok(vmm_version_parse("Firecracker v1.15.1\n\n2026-11-24T00:07:16 [anonymous-instance:main] exiting\n", &v, &e));
	assert_int_equal(v.major, 1);
	assert_int_equal(v.minor, 15);
	assert_int_equal(v.patch, 1);
	assert_ok(vmm_version_parse("Firecracker v1.17.0-dev\n", &v, &e));
	assert_err(vmm_version_parse("", &v, &e), ERR_CORRUPT);
	assert_err(vmm_version_parse("Firecracker v1.15", &v, &e), ERR_CORRUPT);
	assert_err(vmm_version_parse("Firecracker v1.-5.2", &v, &e), ERR_CORRUPT);
	assert_err(vmm_version_parse("Firecracker v999999999999.1.1", &v, &e), ERR_CORRUPT);
}

static void check(int major, int minor, int patch, const char *release, enum vmm_verdict want, const char *word)
{
	const char *why = "";
	struct vmm_version v = { major, minor, patch };

	assert_int_equal(vmm_version_judge(v, release, &why), want);
	assert_non_null(strstr(why, word));
}

static void judges_by_the_table(void **state)
{
	static const char debian[] = "6.1.0-56-cloud-amd64", own[] = "6.1.128";

	check(1, 4, 9, own, VMM_REFUSE, "not supported");
	check(1, 5, 0, own, VMM_GOOD, "");
	check(1, 5, 0, debian, VMM_REFUSE, "ACPI");
	check(1, 7, 0, NULL, VMM_GOOD, "");
	check(1, 8, 0, debian, VMM_GOOD, "");
	check(1, 15, 0, debian, VMM_WARN, "clock");
	check(1, 15, 1, debian, VMM_GOOD, "");
	check(1, 16, 0, debian, VMM_WARN, "vsock");
	check(1, 16, 1, debian, VMM_WARN, "vsock");
	check(1, 16, 2, debian, VMM_GOOD, "");
	check(1, 17, 0, debian, VMM_WARN, "newer");
	check(2, 0, 0, debian, VMM_WARN, "newer");
}

static void knows_free_page_reporting(void **state)
{
	assert_false(vmm_version_has_reporting((struct vmm_version){ 1, 13, 9 }));
	assert_true(vmm_version_has_reporting((struct vmm_version){ 1, 14, 0 }));
	assert_true(vmm_version_has_reporting((struct vmm_version){ 2, 0, 0 }));
}

static void write_script(char *path, const char *text)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, 0755), 0);
	close(fd);
}

static void asks_a_program(void **state)
{
	char good[] = "/tmp/banger-version-XXXXXX", hangs[] = "/tmp/banger-version-XXXXXX", mute[] = "/tmp/banger-version-XXXXXX";
	struct vmm_version v;
	struct err e = { 0 };

	write_script(good, "#!/bin/sh\n[ \"$1\" = --version ] && echo Firecracker v1.12.3\n");
	assert_ok(vmm_version_ask(good, &v, &e));
	assert_int_equal(v.minor, 12);
	write_script(mute, "#!/bin/sh\nexit 3\n");
	assert_err(vmm_version_ask(mute, &v, &e), ERR_CORRUPT);
	write_script(hangs, "#!/bin/sh\nexec sleep 1000\n");
	assert_err(vmm_version_ask(hangs, &v, &e), ERR_TIMEOUT);
	assert_err(vmm_version_ask("/nowhere/firecracker", &v, &e), ERR_NOT_FOUND);
	unlink(good);
	unlink(mute);
	unlink(hangs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_what_firecracker_says),
		cmocka_unit_test(judges_by_the_table),
		cmocka_unit_test(knows_free_page_reporting),
		cmocka_unit_test(asks_a_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
