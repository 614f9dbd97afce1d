/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <unistd.h>

#include "base/auto.h"
#include "base/mem.h"
#include "init/units.h"

/* What systemd-escape --path --suffix=mount says. */
static void test_names(void **state)
{
	static const char *const rows[][2] = {
		{ "/", "-.mount" },
		{ "/root", "root.mount" },
		{ "/usr/lib/modules/6.1.0-56-cloud-amd64", "usr-lib-modules-6.1.0\\x2d56\\x2dcloud\\x2damd64.mount" },
		{ "/lib/modules/6.12.117+deb13", "lib-modules-6.12.117\\x2bdeb13.mount" },
		{ "/.hidden/a_b:c d", "\\x2ehidden-a_b:c\\x20d.mount" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_MEM char *name = units_mount_name(rows[i][0]);
		assert_string_equal(name, rows[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
