/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/mem.h"
#include "proto/io_banger_worker.h"
#include "vmm/choose.h"
#include "vmm/kvm_probe.h"

static bool kvm_works(void)
{
	struct err e = { 0 };

	return vmm_kvm_probe("/dev/kvm", NULL, &e) == 0;
}

static char dir[] = "/tmp/banger-choose-XXXXXX";

static char *program(const char *name, const char *text)
{
	static char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, 0755), 0);
	return path;
}

static void unknown_words_are_refused(void **state)
{
	struct vmm_choice c;
	struct err e = { 0 };

	assert_err(vmm_choose("vmware", NULL, NULL, NULL, NULL, &c, &e), ERR_INVALID);
}

static void nothing_there_says_what_to_install(void **state)
{
	struct vmm_choice c;
	struct err e = { 0 };

	setenv("PATH", dir, 1);
	assert_int_equal(vmm_choose("auto", NULL, NULL, NULL, NULL, &c, &e), -1);
	assert_non_null(strstr(e.hint, "apt-get install qemu-system-x86"));
	assert_err(-1, ERR_UNAVAILABLE);
	assert_int_equal(vmm_choose("qemu", NULL, NULL, NULL, NULL, &c, &e), -1);
	assert_non_null(strstr(e.hint, "apt-get install qemu-system-x86"));
	assert_err(-1, ERR_NOT_FOUND);
	assert_int_equal(vmm_choose("firecracker", NULL, NULL, NULL, NULL, &c, &e), -1);
	assert_non_null(strstr(e.hint, "firecracker_bin"));
	assert_err(-1, ERR_NOT_FOUND);
}

static void firecracker_needs_kvm(void **state)
{
	struct vmm_choice c = { 0 };
	struct err e = { 0 };
	char *bin = program("fc-good", "#!/bin/sh\necho Firecracker v1.15.1\n");

	if (kvm_works()) {
		assert_ok(vmm_choose("firecracker", bin, NULL, "6.1.0-1-amd64", NULL, &c, &e));
		assert_int_equal(c.kind, VMM_KIND_FIRECRACKER);
		assert_true(c.kvm);
		assert_ok(vmm_choose("auto", bin, "/bin/true", "6.1.0-1-amd64", NULL, &c, &e));
		assert_int_equal(c.kind, VMM_KIND_FIRECRACKER);
		assert_non_null(strstr(c.why, "1.15.1"));
		return;
	}
	assert_int_equal(vmm_choose("firecracker", bin, NULL, NULL, NULL, &c, &e), -1);
	assert_non_null(strstr(e.msg, "vmm = firecracker"));
	assert_true(*e.hint);
	e = (struct err){ 0 };
	/* auto takes QEMU instead and says why */
	assert_ok(vmm_choose("auto", bin, "/bin/true", NULL, NULL, &c, &e));
	assert_int_equal(c.kind, VMM_KIND_QEMU);
	assert_string_equal(c.name, "qemu");
	assert_false(c.kvm);
	assert_non_null(strstr(c.why, "emulation"));
}

static void an_old_firecracker_is_refused(void **state)
{
	struct vmm_choice c;
	struct err e = { 0 };
	char *bin = program("fc-old", "#!/bin/sh\necho Firecracker v1.7.0\n");

	assert_int_equal(vmm_choose("firecracker", bin, NULL, "6.1.0-1-amd64", NULL, &c, &e), -1);
	assert_non_null(strstr(e.msg, "ACPI"));
	assert_err(-1, ERR_UNAVAILABLE);
}

/* What is known is believed while its key holds, and asked anew when the device or the file is another. */
static void what_is_known_is_not_asked_again(void **state)
{
	AUTO_DONE(host_facts_done) struct host_facts f = { 0 };
	struct vmm_choice c = { 0 };
	struct err e = { 0 };

	assert_ok(vmm_choose("auto", NULL, "/bin/true", NULL, &f, &c, &e));
	if (!f.kvm_key) {
		print_message("no lasting word on KVM here: nothing is there to be remembered\n");
		return;
	}
	assert_int_equal(f.kvm_code == NULL, kvm_works());
	free(f.kvm_code);
	free(f.kvm_message);
	f.kvm_code = mem_strdup("Unavailable");
	f.kvm_message = mem_strdup("as was said before");
	assert_ok(vmm_choose("qemu", NULL, "/bin/true", NULL, &f, &c, &e));
	assert_false(c.kvm);
	assert_int_equal(vmm_choose("firecracker", "/bin/true", NULL, NULL, &f, &c, &e), -1);
	assert_non_null(strstr(e.msg, "/bin/true"));
	e = (struct err){ 0 };
	AUTO_MEM char *known = mem_strdup(f.kvm_key);
	f.kvm_key[0] ^= 1;
	assert_ok(vmm_choose("qemu", NULL, "/bin/true", NULL, &f, &c, &e));
	assert_int_equal(c.kvm, kvm_works());
	if (strcmp(f.kvm_key, known) != 0) {
		print_message("this time KVM's word does not last: a loaded machine's may not\n");
		return;
	}
	assert_true(!f.kvm_message || strcmp(f.kvm_message, "as was said before") != 0);
}

static void a_version_is_asked_once_a_file(void **state)
{
	AUTO_DONE(host_facts_done) struct host_facts f = { 0 };
	struct vmm_choice c = { 0 };
	struct err e = { 0 };
	char *bin = program("fc-good", "#!/bin/sh\necho Firecracker v1.7.0\n");

	assert_int_equal(vmm_choose("firecracker", bin, NULL, "6.1.0-1-amd64", &f, &c, &e), -1);
	assert_string_equal(f.firecracker_version, "1.7.0");
	free(f.firecracker_version);
	f.firecracker_version = mem_strdup("1.6.0");
	e = (struct err){ 0 };
	assert_int_equal(vmm_choose("firecracker", bin, NULL, "6.1.0-1-amd64", &f, &c, &e), -1);
	assert_non_null(strstr(e.msg, "1.6.0"));
	bin = program("fc-good", "#!/bin/sh\necho Firecracker v1.7.0 # longer\n");
	e = (struct err){ 0 };
	assert_int_equal(vmm_choose("firecracker", bin, NULL, "6.1.0-1-amd64", &f, &c, &e), -1);
	assert_non_null(strstr(e.msg, "1.7.0"));
}

static int make_dir(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/fc-good", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/fc-old", dir);
	unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_words_are_refused),
		cmocka_unit_test(firecracker_needs_kvm),
		cmocka_unit_test(an_old_firecracker_is_refused),
		cmocka_unit_test(what_is_known_is_not_asked_again),
		cmocka_unit_test(a_version_is_asked_once_a_file),
		cmocka_unit_test(nothing_there_says_what_to_install),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
