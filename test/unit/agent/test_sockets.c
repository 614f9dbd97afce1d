/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <arpa/inet.h>
#include <string.h>

#include "agent/sockets.h"

static void test_line_v4(void **state)
{
	struct socket_line l;

	assert_true(socket_line_parse("   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 16389 1 x 100", false, &l));
	assert_int_equal(l.v4.s_addr, htonl(INADDR_LOOPBACK));
	assert_int_equal(l.port, 8080);
	assert_int_equal(l.state, SOCKET_LISTEN);
	assert_int_equal(l.inode, 16389);
}

static void test_line_v6(void **state)
{
	struct in6_addr want;
	struct socket_line l;

	assert_true(socket_line_parse("   1: 000080FE00000000FF005450FE341200:0016 00000000000000000000000000000000:0000 07 00000000:00000000 "
				      "00:00000000 00000000  1000        0 4294967297 2 x 0",
		true, &l));
	assert_int_equal(inet_pton(AF_INET6, "fe80::5054:ff:12:34fe", &want), 1);
	assert_memory_equal(&l.v6_address, &want, sizeof(want));
	assert_int_equal(l.port, 22);
	assert_int_equal(l.state, SOCKET_UNCONNECTED);
	assert_int_equal(l.inode, 4294967297);
}

static void test_no_line(void **state)
{
	static const char *const bad[] = { "", "  sl  local_address rem_address   st", "   0: 0100007F:1F90 00000000:0000",
		"   0: 0100007F0:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1", "\n" };
	struct socket_line l;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(socket_line_parse(bad[i], false, &l));
		assert_false(socket_line_parse(bad[i], true, &l));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_line_v4), cmocka_unit_test(test_line_v6), cmocka_unit_test(test_no_line) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
