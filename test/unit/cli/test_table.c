/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/auto.h"
#include "cli/table.h"
#include "cli/vm_new.h"

static void test_columns(void **state)
{
	static const char *const headers[] = { "NAME", "STATE", "ADDRESS", NULL };
	AUTO_DONE(str_done) struct str out = STR_INIT;
	struct table t;

	table_init(&t, headers);
	table_write(&t, &out);
	assert_string_equal(out.data, "NAME  STATE  ADDRESS\n");
	str_done(&out);
	table_add(&t, "calm-otter");
	table_add(&t, "");
	table_add(&t, NULL);
	table_add(&t, "\xc3\xa9t\xc3\xa9");
	table_add(&t, "running");
	table_addf(&t, "172.16.0.%d", 2);
	table_write(&t, &out);
	assert_string_equal(out.data,
		"NAME        STATE    ADDRESS\n"
		"calm-otter  -        -\n"
		"\xc3\xa9t\xc3\xa9         running  172.16.0.2\n");
	table_done(&t);
}

static void test_fields(void **state)
{
	AUTO_DONE(str_done) struct str out = STR_INIT;
	struct table t = { 0 };

	table_field(&t, "name", "otter");
	table_field(&t, "reason", NULL);
	table_field(&t, "address", "");
	table_field(&t, "vsock cid", "3");
	table_write(&t, &out);
	assert_string_equal(out.data, "name:       otter\nvsock cid:  3\n");
	table_done(&t);
}

static void test_age(void **state)
{
	static const struct {
		int64_t age;
		const char *text;
	} ages[] = {
		{ -5, "0 seconds ago" },
		{ 1, "1 second ago" },
		{ 119, "119 seconds ago" },
		{ 120, "2 minutes ago" },
		{ 7199, "119 minutes ago" },
		{ 7200, "2 hours ago" },
		{ 86400 * 2, "2 days ago" },
		{ 86400 * 13, "13 days ago" },
		{ 86400 * 14, "2 weeks ago" },
		{ 86400 * 90, "3 months ago" },
		{ 86400LL * 800, "2 years ago" },
	};
	char text[32];

	for (size_t i = 0; i < ARRAY_LEN(ages); i++)
		assert_string_equal(table_age(1000000000 - ages[i].age, 1000000000, text), ages[i].text);
	assert_string_equal(table_age(0, 1000, text), "-");
}

static void test_net(void **state)
{
	static const struct {
		int net, nat;
		enum net_mode mode;
	} good[] = { { 0, 0, NET_MODE_UNSET }, { 1, 0, NET_MODE_NONE }, { 3, 0, NET_MODE_NAT }, { 0, 1, NET_MODE_NAT },
		{ 0, -1, NET_MODE_PRIVATE }, { 3, 1, NET_MODE_NAT }, { 2, -1, NET_MODE_PRIVATE } };
	struct err e = { 0 };
	enum net_mode mode;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_ok(vm_new_net(good[i].net, good[i].nat, &mode, &e));
		assert_int_equal(mode, good[i].mode);
	}
	assert_err(vm_new_net(1, 1, &mode, &e), ERR_INVALID);
	assert_err(vm_new_net(3, -1, &mode, &e), ERR_INVALID);
}

static void test_spec(void **state)
{
	AUTO_DONE(str_done) struct str out = STR_INIT;
	struct vm_create_in in = { .vcpus = 4, .memory_mib = 8192, .disk_mib = 8192 };

	vm_new_spec(&in, &out);
	assert_string_equal(out.data, "4 vcpu \xc2\xb7 8192 MiB \xc2\xb7 8G disk");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_net),
		cmocka_unit_test(test_spec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
