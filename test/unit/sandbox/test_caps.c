/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
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

	if (fd_read_file(AT_FDCWD, "/proc/self/status", 65536, &text, &n, &e) < 0)
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

/* docs/privilege.md has a line "| `net_admin` | helper |" for each, and no others. */
static size_t documented(const struct caps_reason *list, const char *who, const char *docs)
{
	char line[80];
	size_t n = 0, lines = 0;

	for (; list[n].name; n++) {
		assert_true(list[n].reason[0]);
		snprintf(line, sizeof(line), "\n| %s | `%s` |", who, list[n].name);
		if (!strstr(docs, line))
			fail_msg("docs/privilege.md lacks '%s'", line + 1);
	}
	assert_int_equal(__builtin_popcountll(caps_of(list)), n); /* no name misspelt, none twice */
	snprintf(line, sizeof(line), "\n| %s | `", who);
	for (const char *at = docs; (at = strstr(at, line)); at++)
		lines++;
	assert_int_equal(lines, n);
	return n;
}

static void are_those_of_the_docs(void **state)
{
	struct err e = { 0 };
	AUTO_MEM char *docs = NULL;
	size_t n;

	assert_ok(fd_read_file(AT_FDCWD, "../docs/privilege.md", 1 << 20, &docs, &n, &e));
	assert_true(documented(caps_helper, "helper", docs) > 0);
	assert_true(documented(caps_vmm, "VMM", docs) > 0);
	assert_true(documented(caps_jail, "jail", docs) > 0);
	assert_int_equal(caps_of(caps_vmm) & ~caps_of(caps_helper), 0);
	assert_true(caps_of(caps_helper) & NET_ADMIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_proc_says),
		cmocka_unit_test(keeps_only_what_is_named),
		cmocka_unit_test(prints_names),
		cmocka_unit_test(are_those_of_the_docs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
