/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/json_write.h"
#include "doctor/checks.h"
#include "doctor/distro.h"

static struct doctor_host host_with(struct config *c, const struct err *config_error, const char *state_dir)
{
	return (struct doctor_host){ .config_path = "/nonexistent/config.toml",
		.state_dir = state_dir,
		.run_dir = "/tmp/no/such/run",
		.uid = geteuid(),
		.gid = getegid(),
		.config = c,
		.config_error = config_error };
}

static struct config *config_from(const char *text)
{
	struct config *c = NULL;
	struct err e = { 0 };

	assert_ok(config_parse(text, strlen(text), "c.toml", NULL, &c, &e));
	return c;
}

/* Every check says something, and whatever is above PASS says what to do. */
static void test_all(void **state)
{
	AUTO(config_free) struct config *c = config_from("");
	struct err none = { 0 };
	struct doctor_host host = host_with(c, &none, "/tmp/no/such/folder");
	struct doctor_check checks[DOCTOR_N_CHECKS];

	assert_int_equal(doctor_run(&host, checks), DOCTOR_N_CHECKS);
	for (size_t i = 0; i < DOCTOR_N_CHECKS; i++) {
		AUTO_DONE(str_done) struct str out = STR_INIT;

		assert_in_range(checks[i].n_details, 1, DOCTOR_MAX_DETAILS);
		doctor_write(&checks[i], &out);
		assert_non_null(strchr(out.data, '\t'));
		doctor_check_done(&checks[i]);
	}
}

static void test_configuration(void **state)
{
	AUTO(config_free) struct config *c = config_from("jailer_bin = '/x'\n[vm_defaults]\nvcpu = 3");
	struct err broken = { 0 }, none = { 0 };
	struct doctor_host host = host_with(c, &none, "/tmp");
	struct doctor_check check = { .name = "configuration" };

	check_configuration(&host, &check);
	assert_int_equal(check.level, DOCTOR_WARN);
	assert_string_equal(check.details[1], "jailer_bin = /x (config)");
	assert_string_equal(check.details[2], "vm_defaults.vcpu = 3 (config)");
	assert_string_equal(check.details[4], "vm_defaults.disk_size = 8G (builtin)");
	assert_string_equal(check.details[6], "c.toml:1:1: 'jailer_bin' has no effect: banger has a jail of its own");
	doctor_check_done(&check);
	err_set(&broken, ERR_INVALID, "c.toml:2:1: unknown key 'x'");
	err_hint(&broken, "docs/config.md lists the keys");
	host.config_error = &broken;
	check = (struct doctor_check){ .name = "configuration" };
	check_configuration(&host, &check);
	assert_int_equal(check.level, DOCTOR_FAIL);
	assert_int_equal(check.n_details, 2);
	doctor_check_done(&check);
}

/* A folder that nobody can make files in. */
static void test_full_disk(void **state)
{
	AUTO(config_free) struct config *c = config_from("");
	struct err none = { 0 };
	struct doctor_host host = host_with(c, &none, "/proc/self/x");
	struct doctor_check check = { .name = "disk" };

	check_disk(&host, &check);
	assert_int_equal(check.level, DOCTOR_FAIL);
	doctor_check_done(&check);
}

static void test_firecracker(void **state)
{
	AUTO(config_free)
	struct config *c = config_from("vmm = 'firecracker'\nfirecracker_bin = '/nonexistent/firecracker'");
	struct err none = { 0 };
	struct doctor_host host = host_with(c, &none, "/tmp");
	struct doctor_check check = { .name = "firecracker" };

	check_firecracker(&host, &check);
	assert_int_equal(check.level, DOCTOR_FAIL);
	doctor_check_done(&check);
}

static void test_output(void **state)
{
	AUTO_DONE(str_done) struct str out = STR_INIT;
	struct json_writer w = { .out = &out };
	struct doctor_check check = { .name = "disk" };

	doctor_add(&check, DOCTOR_WARN, "little %s", "room");
	doctor_add(&check, DOCTOR_PASS, "fine otherwise");
	doctor_write(&check, &out);
	assert_string_equal(out.data, "WARN\tdisk\n  - little room\n  - fine otherwise\n");
	str_done(&out);
	doctor_write_json(&check, &w);
	assert_string_equal(
		out.data, "{\"name\":\"disk\",\"level\":\"WARN\",\"details\":[\"little room\",\"fine otherwise\"],\"fixed\":[]}");
	for (int i = 0; i < 2 * DOCTOR_MAX_DETAILS; i++)
		doctor_add(&check, DOCTOR_FAIL, "%d", i);
	assert_int_equal(check.n_details, DOCTOR_MAX_DETAILS);
	assert_int_equal(check.level, DOCTOR_FAIL);
	doctor_check_done(&check);
}

static void test_distro(void **state)
{
	assert_string_equal(distro_hint_for("NAME=x\nID=debian\n", DISTRO_QEMU), "apt-get install qemu-system-x86");
	assert_string_equal(distro_hint_for("ID_LIKE=\"ubuntu debian\"\nID=linuxmint\n", DISTRO_QEMU),
		"apt-get install qemu-system-x86");
	assert_string_equal(distro_hint_for("ID=manjaro\nID_LIKE=arch\n", DISTRO_QEMU), "pacman -S qemu-system-x86");
	assert_string_equal(distro_hint_for("ID=\"nixos\"", DISTRO_FIRECRACKER), "nix-env -iA nixos.firecracker");
	assert_non_null(strstr(distro_hint_for("ID=plan9\n", DISTRO_QEMU), "your distribution"));
	assert_non_null(distro_hint(DISTRO_FIRECRACKER));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_configuration),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_firecracker),
		cmocka_unit_test(test_output),
		cmocka_unit_test(test_distro),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
