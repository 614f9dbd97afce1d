/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/auto.h"
#include "base/mem.h"
#include "dns/wire.h"

enum { ANSWER = DNS_ANSWER_MAX };

static const struct dns_host vms[] = { { "otter", 0xac100003 }, { "deft-puma", 0xac100002 }, { "a", 0xac1000fe } };
static struct dns_zone zone = { .network = 0xac100000, .prefix = 24, .serial = 7 };

static int set_up(void **state)
{
	struct dns_host *hosts = mem_dup(vms, sizeof(vms));

	dns_zone_set(&zone, hosts, ARRAY_LEN(vms));
	return 0;
}

static int tear_down(void **state)
{
	dns_zone_done(&zone);
	return 0;
}

/* Asks; checks that head and question come back; returns the rcode, 16 for BADVERS. */
static int ask(const char *name, unsigned type, uint8_t out[static ANSWER], size_t *ret_n)
{
	uint8_t q[DNS_UDP_MIN];
	size_t n = dns_question(0x1234, name, (enum dns_type)type, q);

	assert_true(n);
	*ret_n = dns_answer(&zone, q, n, true, out, ANSWER);
	assert_true(*ret_n >= n);
	assert_memory_equal(out, q, 2);
	assert_int_equal(out[2] & ~0x04, 0x81);
	assert_memory_equal(out + 12, q + 12, n - 12);
	return out[3];
}

static void test_address(void **state)
{
	static const uint8_t record[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, DNS_TTL, 0, 4, 172, 16, 0, 3 };
	uint8_t out[ANSWER], q[DNS_UDP_MIN];
	size_t n, n_q;

	assert_int_equal(ask("otter.vm", DNS_A, out, &n), 0);
	assert_int_equal(out[2] & 4, 4);
	assert_int_equal(out[7], 1);
	assert_memory_equal(out + n - sizeof(record), record, sizeof(record));
	/* The case that a resolver chose by chance comes back in question and owner. */
	assert_int_equal(ask("oTTeR.Vm", DNS_A, out, &n), 0);
	assert_int_equal(out[7], 1);
	n_q = dns_question(0x1234, "oTTeR.Vm", DNS_A, q);
	assert_true(dns_has_record(q, n_q, out, n, DNS_A));
	assert_false(dns_has_record(q, n_q, out, n, DNS_SOA));
	n_q = dns_question(0x1234, "otter.vm", DNS_A, q);
	assert_false(dns_has_record(q, n_q, out, n, DNS_A));
	assert_int_equal(ask("otter.vm", DNS_ANY, out, &n), 0);
	assert_memory_equal(out + n - sizeof(record), record, sizeof(record));
}

/* answers, authorities: how many records each. */
static void check(const char *name, unsigned type, int rcode, int answers, int authorities)
{
	uint8_t out[ANSWER];
	size_t n;

	print_message("# %s %u\n", name, type);
	assert_int_equal(ask(name, type, out, &n), rcode);
	assert_int_equal(out[7], answers);
	assert_int_equal(out[9], authorities);
	assert_int_equal(!(out[2] & 4), rcode == 5);
}

static void test_sections(void **state)
{
	check("otter.vm", DNS_AAAA, 0, 0, 1);
	check("otter.vm", DNS_SOA, 0, 0, 1);
	check("vm", DNS_SOA, 0, 1, 0);
	check("vm", DNS_NS, 0, 1, 0);
	check("VM", DNS_ANY, 0, 1, 0);
	check("vm", DNS_A, 0, 0, 1);
	check("seal.vm", DNS_A, 3, 0, 1);
	check("otter.vmx", DNS_A, 5, 0, 0);
	check("www.otter.vm", DNS_A, 3, 0, 1);
	check("ott.vm", DNS_A, 3, 0, 1);
	check("otter", DNS_A, 5, 0, 0);
	check("", DNS_NS, 5, 0, 0);
	check("otter.vm", DNS_AXFR, 5, 0, 0);
	check("vm", DNS_AXFR, 5, 0, 0);
	check("vm", 251, 5, 0, 0);
	check("123456789012345678901234567890123456789012345678901234567890123.vm", DNS_A, 3, 0, 1);
}

static void test_reverse(void **state)
{
	static const uint8_t data[] = { 0, 10, 5, 'o', 't', 't', 'e', 'r', 2, 'v', 'm', 0 };
	uint8_t out[ANSWER];
	size_t n;

	assert_int_equal(ask("3.0.16.172.in-addr.arpa", DNS_PTR, out, &n), 0);
	assert_int_equal(out[7], 1);
	assert_memory_equal(out + n - sizeof(data), data, sizeof(data));
	check("9.0.16.172.in-addr.arpa", DNS_PTR, 3, 0, 1);
	check("03.0.16.172.in-addr.arpa", DNS_PTR, 3, 0, 1);
	check("256.0.16.172.in-addr.arpa", DNS_PTR, 3, 0, 1);
	check("1.3.0.16.172.in-addr.arpa", DNS_PTR, 3, 0, 1);
	check("3.0.16.172.IN-ADDR.arpa", DNS_A, 0, 0, 1);
	check("0.16.172.in-addr.arpa", DNS_SOA, 0, 1, 0);
	check("3.1.16.172.in-addr.arpa", DNS_PTR, 5, 0, 0);
	check("16.172.in-addr.arpa", DNS_SOA, 5, 0, 0);
	check("8.8.8.8.in-addr.arpa", DNS_PTR, 5, 0, 0);
	check("in-addr.arpa", DNS_NS, 5, 0, 0);
	/* A network that ends within an octet. */
	zone.prefix = 20;
	check("3.0.16.172.in-addr.arpa", DNS_PTR, 0, 1, 0);
	check("3.15.16.172.in-addr.arpa", DNS_PTR, 3, 0, 1);
	check("3.16.16.172.in-addr.arpa", DNS_PTR, 5, 0, 0);
	zone.prefix = 8;
	check("3.0.16.172.in-addr.arpa", DNS_PTR, 0, 1, 0);
	check("16.172.in-addr.arpa", DNS_PTR, 0, 0, 1);
	check("172.in-addr.arpa", DNS_SOA, 0, 1, 0);
	check("173.in-addr.arpa", DNS_SOA, 5, 0, 0);
	zone.prefix = 29;
	check("3.0.16.172.in-addr.arpa", DNS_PTR, 0, 1, 0);
	check("6.0.16.172.in-addr.arpa", DNS_PTR, 0, 0, 1);
	check("8.0.16.172.in-addr.arpa", DNS_PTR, 5, 0, 0);
	zone.prefix = 24;
}

/* A query with its additional records; counts are of the head. */
static size_t with_records(uint8_t out[static 600], unsigned additional, const void *records, size_t n)
{
	size_t n_q = dns_question(9, "otter.vm", DNS_A, out);

	out[11] = (uint8_t)additional;
	memcpy(out + n_q, records, n);
	return n_q + n;
}

static void test_edns(void **state)
{
	static const uint8_t opt[] = { 0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0 }, v1[] = { 0, 0, 41, 0x10, 0, 0, 1, 0, 0, 0, 0 };
	static const uint8_t two[] = { 0, 0, 41, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 41, 2, 0, 0, 0, 0, 0, 0, 0 };
	static const uint8_t named[] = { 1, 'x', 0, 0, 41, 2, 0, 0, 0, 0, 0, 0, 0 }, other[] = { 0xc0, 12, 0, 250, 0, 1, 0, 0, 0, 0, 0, 1, 'x' };
	uint8_t q[600], out[ANSWER];
	size_t n = dns_answer(&zone, q, with_records(q, 1, opt, sizeof(opt)), true, out, ANSWER);

	assert_int_equal(out[3], 0);
	assert_int_equal(out[11], 1);
	assert_memory_equal(out + n - 11, ((const uint8_t[]){ 0, 0, 41, DNS_UDP_MAX >> 8, DNS_UDP_MAX & 255, 0, 0, 0, 0, 0, 0 }), 11);
	n = dns_answer(&zone, q, with_records(q, 1, v1, sizeof(v1)), true, out, ANSWER);
	assert_int_equal(out[3], 0);
	assert_int_equal(out[7], 0);
	assert_memory_equal(out + n - 11, ((const uint8_t[]){ 0, 0, 41, DNS_UDP_MAX >> 8, DNS_UDP_MAX & 255, 1, 0, 0, 0, 0, 0 }), 11);
	assert_true(dns_answer(&zone, q, with_records(q, 2, two, sizeof(two)), true, out, ANSWER));
	assert_int_equal(out[3], 1);
	assert_true(dns_answer(&zone, q, with_records(q, 1, named, sizeof(named)), true, out, ANSWER));
	assert_int_equal(out[3], 1);
	/* Any other record is passed over, whatever its name points at. */
	assert_true(dns_answer(&zone, q, with_records(q, 1, other, sizeof(other)), true, out, ANSWER));
	assert_int_equal(out[3], 0);
	assert_int_equal(out[11], 0);
	/* One more than there are, and one fewer. */
	assert_true(dns_answer(&zone, q, with_records(q, 2, opt, sizeof(opt)), true, out, ANSWER));
	assert_int_equal(out[3], 1);
	assert_true(dns_answer(&zone, q, with_records(q, 0, opt, sizeof(opt)), true, out, ANSWER));
	assert_int_equal(out[3], 1);
}

static void test_malformed(void **state)
{
	uint8_t q[DNS_UDP_MIN], bad[DNS_UDP_MIN], out[ANSWER];
	size_t n = dns_question(1, "otter.vm", DNS_A, q);

	for (size_t cut = 0; cut < n; cut++) {
		size_t got = dns_answer(&zone, q, cut, true, out, ANSWER);
		assert_int_equal(got, cut < 12 ? 0 : 12);
		if (got)
			assert_int_equal(out[3], 1);
	}
	/* An answer is not answered. */
	memcpy(bad, q, n);
	bad[2] |= 0x80;
	assert_int_equal(dns_answer(&zone, bad, n, true, out, ANSWER), 0);
	/* No question, two, a pointer to itself, a label type that there is not, another opcode, another class. */
	const struct {
		size_t at;
		uint8_t value;
		int rcode;
	} changes[] = { { 5, 0, 1 }, { 5, 2, 1 }, { 12, 0xc0, 1 }, { 12, 0x41, 1 }, { 2, 0x20, 4 }, { 2, 0x28, 4 }, { n - 1, 3, 5 }, { 12, 63, 1 } };
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		memcpy(bad, q, n);
		bad[changes[i].at] = changes[i].value;
		assert_true(dns_answer(&zone, bad, n, true, out, ANSWER));
		assert_int_equal(out[3], changes[i].rcode);
	}
	assert_int_equal(dns_question(1, "a..vm", DNS_A, q), 0);
}

/* Nothing that is asked today needs as much as the least client takes, so the transport is made smaller here. */
static void test_truncated(void **state)
{
	uint8_t q[DNS_UDP_MIN], out[ANSWER];
	size_t n = dns_question(1, "otter.vm", DNS_A, q);

	assert_int_equal(dns_answer(&zone, q, n, true, out, n + 8), n);
	assert_int_equal(out[2] & 2, 2);
	assert_int_equal(out[7], 0);
	assert_int_equal(out[3], 0);
	assert_int_equal(dns_answer(&zone, q, n, false, out, n + 16), n + 16);
	assert_int_equal(out[2] & 2, 0);
}

static void test_empty_zone(void **state)
{
	struct dns_zone none = { .network = 0xac100000, .prefix = 24 };
	uint8_t q[DNS_UDP_MIN], out[ANSWER];

	assert_true(dns_answer(&none, q, dns_question(1, "otter.vm", DNS_A, q), true, out, ANSWER));
	assert_int_equal(out[3], 3);
	assert_true(dns_answer(&none, q, dns_question(1, "2.0.16.172.in-addr.arpa", DNS_PTR, q), true, out, ANSWER));
	assert_int_equal(out[3], 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_reverse),
		cmocka_unit_test(test_edns),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_empty_zone),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
