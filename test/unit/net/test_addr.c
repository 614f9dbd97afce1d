/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/auto.h"
#include "net/addr.h"

static struct addr_net net_of(const char *text)
{
	struct addr_net net;
	struct err e = { 0 };

	assert_ok(addr_parse_net(text, &net, &e));
	return net;
}

static void reads_addresses(void **state)
{
	static const char *const bad[] = { "", "1", "1.2.3", "1.2.3.4.", "1.2.3.4.5", "256.1.1.1", "1.2.3.04", "1.2.3.-4", " 1.2.3.4",
		"1.2.3.4 ", "1..3.4", "0x1.2.3.4", "1.2.3.1000" };
	struct err e = { 0 };
	char text[ADDR_TEXT];
	uint32_t a;

	assert_ok(addr_parse("172.16.0.254", &a, &e));
	assert_int_equal(a, 0xac1000fe);
	assert_string_equal(addr_text(a, text), "172.16.0.254");
	assert_ok(addr_parse("255.255.255.255", &a, &e));
	assert_string_equal(addr_text(a, text), "255.255.255.255");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_err(addr_parse(bad[i], &a, &e), ERR_INVALID);
}

static void reads_networks(void **state)
{
	static const char *const bad[] = { "172.16.0.1", "172.16.0.1/", "172.16.0.1/7", "172.16.0.1/31", "172.16.0.1/33", "172.16.0.0/24",
		"172.16.0.255/24", "127.0.0.1/24", "0.1.2.3/8", "224.0.0.1/24", "172.16.0.1/024", "172.16.0.1/24 ", "x/24" };
	struct addr_net net = net_of("172.16.0.1/24");
	struct err e = { 0 };
	char text[ADDR_NET_TEXT];

	assert_int_equal(addr_mask(&net), 0xffffff00);
	assert_string_equal(addr_net_text(&net, text), "172.16.0.1/24");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_err(addr_parse_net(bad[i], &net, &e), ERR_INVALID);
}

static void knows_guest_addresses(void **state)
{
	struct addr_net net = net_of("10.1.2.9/29"); /* .8 to .15 */
	struct err e = { 0 };
	uint32_t a;

	assert_ok(addr_nth(&net, 2, &a, &e));
	assert_int_equal(a, 0x0a01020a);
	assert_err(addr_nth(&net, 0, &a, &e), ERR_INVALID);
	assert_err(addr_nth(&net, 1, &a, &e), ERR_INVALID); /* the host's */
	assert_err(addr_nth(&net, 7, &a, &e), ERR_INVALID); /* broadcast */
	assert_err(addr_nth(&net, 8, &a, &e), ERR_INVALID);
	assert_err(addr_nth(&net, UINT32_MAX, &a, &e), ERR_INVALID);
	assert_true(addr_is_guest(&net, 0x0a01020e));
	assert_false(addr_is_guest(&net, 0x0a010210));
}

static void finds_overlaps(void **state)
{
	struct addr_net a = net_of("172.16.0.1/24"), b = net_of("172.16.1.1/24"), c = net_of("172.20.0.1/12"), d = net_of("172.16.0.130/25");

	assert_false(addr_overlap(&a, &b));
	assert_true(addr_overlap(&a, &c));
	assert_true(addr_overlap(&c, &b));
	assert_true(addr_overlap(&a, &d));
}

static void gives_the_lowest_free(void **state)
{
	struct addr_net net = net_of("10.0.0.2/29");
	const uint32_t used[] = { 0x0a000005, 0x0a000001, 0x0a000001, 0x0b000001, 0x0a000003 };
	const uint32_t all[] = { 0x0a000001, 0x0a000003, 0x0a000004, 0x0a000005, 0x0a000006 };
	struct err e = { 0 };
	uint32_t a;

	assert_ok(addr_lowest_free(&net, NULL, 0, &a, &e));
	assert_int_equal(a, 0x0a000001);
	assert_ok(addr_lowest_free(&net, used, ARRAY_LEN(used), &a, &e));
	assert_int_equal(a, 0x0a000004);
	assert_int_equal(addr_lowest_free(&net, all, ARRAY_LEN(all), &a, &e), -1);
	assert_int_equal(e.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(e.msg, "10.0.0.2/29"));
	assert_true(e.hint[0]);
}

static void derives_names_from_ids(void **state)
{
	struct err e = { 0 };
	char name[ADDR_DEV_NAME], text[ADDR_MAC_TEXT], longest[ADDR_ID_MAX + 2];
	struct addr_net net = net_of("172.16.0.1/24");
	uint8_t mac[6];

	assert_ok(addr_tap_name("1a2b3c4d-5e6f-7788-99aa-bbccddeeff00", name, &e));
	assert_string_equal(name, "tap-fc-1a2b3c4d");
	assert_ok(addr_mac("1a2b3c4d-5e6f-7788-99aa-bbccddeeff00", mac, &e));
	assert_string_equal(addr_mac_text(mac, text), "02:1a:2b:3c:4d:5e");
	addr_bridge_mac(&net, mac);
	assert_string_equal(addr_mac_text(mac, text), "06:00:ac:10:00:01");
	assert_err(addr_mac("1a2b3c4d5", mac, &e), ERR_INVALID);
	assert_err(addr_mac("1A2B3C4D5E", mac, &e), ERR_INVALID);
	assert_err(addr_tap_name("../../1a2b3c4d5e", name, &e), ERR_INVALID);
	assert_err(addr_tap_name("----------", name, &e), ERR_INVALID);
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	assert_err(addr_tap_name(longest, name, &e), ERR_INVALID);
}

static void refuses_device_names(void **state)
{
	static const char *const bad[] = { "", ".", "..", "a/b", "a:b", "a b", "br-0123456789abc", "tap%d", "a\nb", "\xc3\xa4", "a\"b" };

	assert_true(addr_dev_name_ok("br-fc"));
	assert_true(addr_dev_name_ok("br-0123456789ab"));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(addr_dev_name_ok(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_addresses),
		cmocka_unit_test(reads_networks),
		cmocka_unit_test(knows_guest_addresses),
		cmocka_unit_test(finds_overlaps),
		cmocka_unit_test(gives_the_lowest_free),
		cmocka_unit_test(derives_names_from_ids),
		cmocka_unit_test(refuses_device_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
