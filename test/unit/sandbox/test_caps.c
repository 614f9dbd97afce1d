/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "sandbox/caps.h"

#define NET_ADMIN CAPS_BIT(12)
#define KILL CAPS_BIT(5)

/* A line of /proc/self/status as a number. */
static uint64_t status_line(const char *name)
{
	struct err e = { 0 };
	char *text;
	size_t n;

	if (fd_read_file(-100, "/proc/self/status", 65536, &text, &n, &e) < 0)
		_exit(9);
	const char *at = strstr(text, name);
	uint64_t v = at ? strtoull(at + strlen(name), NULL, 16) : UINT64_MAX;
	free(text);
	return v;
}

static int in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void reads_what_proc_says(void **state)
{
	struct err e = { 0 };
	struct caps c;

	assert_ok(caps_read(&c, &e));
	assert_true(c.effective == status_line("CapEff:"));
	assert_true(c.permitted == status_line("CapPrm:"));
	assert_true(c.inheritable == status_line("CapInh:"));
	assert_true(c.bounding == status_line("CapBnd:"));
	assert_true(c.ambient == status_line("CapAmb:"));
}

static int keep_two(void)
{
	struct err e = { 0 };

	if (caps_keep(NET_ADMIN | KILL, &e) < 0)
		return 1;
	if (status_line("CapEff:") != (NET_ADMIN | KILL) || status_line("CapPrm:") != (NET_ADMIN | KILL) || status_line("CapInh:") || status_line("CapAmb:"))
		return 2;
	if (status_line("CapBnd:") & ~(NET_ADMIN | KILL) && getuid() == 0)
		return 3;
	if (chown("/proc/self/status", 1, 1) == 0)
		return 4;
	return caps_keep(NET_ADMIN | KILL | CAPS_BIT(21), &e) < 0 || status_line("CapEff:") != (NET_ADMIN | KILL) ? 5 : 0; /* none comes back */
}

static void keeps_only_what_is_named(void **state)
{
	struct err e = { 0 };
	struct caps c;

	assert_ok(caps_read(&c, &e));
	if ((c.permitted & (NET_ADMIN | KILL)) != (NET_ADMIN | KILL)) {
		print_message("# skipped: no capabilities to give up\n");
		skip();
	}
	assert_int_equal(in_child(keep_two), 0);
}

static void prints_names(void **state)
{
	char text[CAPS_TEXT];

	assert_string_equal(caps_text(0, text), "none");
	assert_string_equal(caps_text(NET_ADMIN | KILL | 1, text), "chown,kill,net_admin");
	assert_string_equal(caps_text(CAPS_BIT(40) | CAPS_BIT(63), text), "checkpoint_restore,63");
	assert_true(str_ends(caps_text(UINT64_MAX, text), ",62,63"));
}

static void knows_the_helpers(void **state)
{
	size_t n = 0;

	while (caps_helper[n].name)
		assert_true(caps_helper[n++].reason[0]);
	assert_int_equal(__builtin_popcountll(caps_of(caps_helper)), n); /* no name misspelt, none twice */
	assert_true(caps_of(caps_helper) & NET_ADMIN);
	assert_false(caps_of(caps_helper) & CAPS_BIT(16)); /* sys_module */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_proc_says),
		cmocka_unit_test(keeps_only_what_is_named),
		cmocka_unit_test(prints_names),
		cmocka_unit_test(knows_the_helpers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
