/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <unistd.h>

#include "base/auto.h"
#include "ops/console_tail.h"

static const char *tail_of(const char *text, size_t n, char out[static CONSOLE_TAIL_MAX])
{
	char path[] = "/tmp/banger-unit-XXXXXX";
	AUTO_FD int fd = mkstemp(path);

	assert_true(fd >= 0 && write(fd, text, n) == (ssize_t)n);
	*out = 0;
	bool any = console_tail(path, out);
	assert_int_equal(any, *out != 0);
	unlink(path);
	return out;
}

static void test_tail(void **state)
{
	char out[CONSOLE_TAIL_MAX], big[20000];
	static const char panic[] = "[    1.000000] booting\r\n\r\n[    1.234567] Kernel panic - not syncing: no init\n[    1.3] ---[ end ]---\n";
	static const char colour[] = "\033[0;1;31mred\033[0m\x07 text\n";

	assert_string_equal(tail_of(panic, strlen(panic), out), "booting | Kernel panic - not syncing: no init");
	assert_string_equal(tail_of(colour, strlen(colour), out), "red text");
	assert_string_equal(tail_of("", 0, out), "");
	assert_string_equal(tail_of("\n\n", 2, out), "");
	memset(big, 'x', sizeof(big));
	assert_int_equal(strlen(tail_of(big, sizeof(big), out)), CONSOLE_TAIL_MAX - 1);
	for (size_t i = 0; i < sizeof(big); i += 100)
		big[i] = '\n';
	assert_int_equal(strlen(tail_of(big, sizeof(big), out)), 99 * 2 + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_tail) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
