/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "net/link.h"
#include "net/netlink.h"
#include "net/nft.h"

/* Builds replies as the kernel would. */
struct reply {
	_Alignas(4) unsigned char data[512];
	size_t len, message;
};

static void add(struct reply *r, const void *p, size_t n)
{
	assert_true(r->len + n + 3 < sizeof(r->data));
	if (n)
		memcpy(r->data + r->len, p, n);
	r->len += (n + 3) & ~(size_t)3;
}

static void message(struct reply *r, unsigned type, unsigned flags, const void *body, size_t n)
{
	struct nlmsghdr h = { .nlmsg_type = (uint16_t)type, .nlmsg_flags = (uint16_t)flags, .nlmsg_seq = 7 };

	r->message = r->len;
	add(r, &h, sizeof(h));
	add(r, body, n);
}

static void attribute(struct reply *r, unsigned type, const void *p, size_t n)
{
	struct nlattr a = { .nla_type = (uint16_t)type, .nla_len = (uint16_t)(sizeof(a) + n) };

	add(r, &a, sizeof(a));
	add(r, p, n);
}

static void finish(struct reply *r)
{
	uint32_t n = (uint32_t)(r->len - r->message);

	memcpy(r->data + r->message, &n, sizeof(n));
}

static int keep(const struct netlink_msg *m, void *arg, struct err *e)
{
	*(struct netlink_msg *)arg = *m;
	return 0;
}

static int count(const struct netlink_msg *m, void *arg, struct err *e)
{
	return ++*(int *)arg == 2;
}

static void reads_an_extended_ack(void **state)
{
	struct { int32_t error; struct nlmsghdr asked; } body = { -EINVAL, { .nlmsg_len = 99 } };
	struct netlink_result result;
	struct netlink_msg m;
	struct reply r = { 0 };
	struct err e = { 0 };

	message(&r, NLMSG_ERROR, NLM_F_CAPPED | NLM_F_ACK_TLVS, &body, sizeof(body));
	attribute(&r, NLMSGERR_ATTR_OFFS, "\4\0\0\0", 4);
	attribute(&r, NLMSGERR_ATTR_MSG, "no such thing", 14);
	finish(&r);
	assert_ok(netlink_walk(r.data, r.len, keep, &m, &e));
	assert_ok(netlink_result(&m, &result, &e));
	assert_int_equal(result.sys, EINVAL);
	assert_string_equal(result.text, "no such thing");
	m.flags = NLM_F_ACK_TLVS; /* 99 bytes of our message would be repeated, but are not there */
	assert_ok(netlink_result(&m, &result, &e));
	assert_string_equal(result.text, "");
	m.size = 8;
	assert_err(netlink_result(&m, &result, &e), ERR_CORRUPT);
	body.error = 5;
	m = (struct netlink_msg){ .type = NLMSG_ERROR, .body = (const unsigned char *)&body, .size = sizeof(body) };
	assert_err(netlink_result(&m, &result, &e), ERR_CORRUPT);
	m = (struct netlink_msg){ .type = NLMSG_DONE, .body = (const unsigned char *)&body, .size = 0 };
	assert_ok(netlink_result(&m, &result, &e));
	assert_int_equal(result.sys, 0);
}

static void walks_within_bounds(void **state)
{
	struct err e = { 0 };
	struct reply r = { 0 };
	int n = 0;

	for (int i = 0; i < 3; i++) {
		message(&r, RTM_NEWLINK, 0, "abcd", 4);
		finish(&r);
	}
	assert_ok(netlink_walk(r.data, r.len, count, &n, &e));
	assert_int_equal(n, 2); /* it asked to stop there */
	assert_err(netlink_walk(r.data, 7, count, &n, &e), ERR_CORRUPT);
	assert_err(netlink_walk(r.data, 19, count, &n, &e), ERR_CORRUPT);
	r.data[0] = 15; /* shorter than its own header */
	assert_err(netlink_walk(r.data, r.len, count, &n, &e), ERR_CORRUPT);
	assert_ok(netlink_walk(r.data, 0, count, &n, &e));
}

static void ends_at_a_bad_attribute(void **state)
{
	struct reply r = { 0 };
	struct netlink_attr a;
	uint32_t v;
	uint8_t b;
	char text[4];

	attribute(&r, 1 | NLA_F_NESTED, "\1\2\3\4", 4);
	attribute(&r, 2, "abcdef", 6);
	const unsigned char *at = r.data;
	size_t left = r.len;
	assert_true(netlink_attr_next(&at, &left, &a));
	assert_int_equal(a.type, 1);
	assert_true(netlink_attr_u32(&a, &v));
	assert_int_equal(v, 0x04030201);
	assert_false(netlink_attr_u8(&a, &b));
	assert_true(netlink_attr_next(&at, &left, &a));
	netlink_attr_str(&a, text, sizeof(text));
	assert_string_equal(text, "abc");
	assert_false(netlink_attr_next(&at, &left, &a));
	assert_true(netlink_attr_find(r.data, r.len, 2, &a));
	assert_false(netlink_attr_find(r.data, r.len - 3, 2, &a)); /* cut */
	r.data[0] = 3;
	assert_false(netlink_attr_find(r.data, r.len, 2, &a)); /* an attribute shorter than its header ends the walk */
}

static void reads_a_link(void **state)
{
	struct ifinfomsg h = { .ifi_index = 42, .ifi_flags = 1 };
	struct netlink_msg m;
	struct reply r = { 0 };
	struct err e = { 0 };
	struct link l;

	message(&r, RTM_NEWLINK, 0, &h, sizeof(h));
	attribute(&r, IFLA_IFNAME, "a-name-of-sixteen", 17);
	attribute(&r, IFLA_MTU, "\xdc\5\0\0", 4);
	attribute(&r, IFLA_MASTER, "\3", 1); /* of the wrong size: passed over */
	attribute(&r, IFLA_ADDRESS, "\2\1\1\1\1\1", 6);
	finish(&r);
	assert_ok(netlink_walk(r.data, r.len, keep, &m, &e));
	assert_true(link_parse(&m, &l));
	assert_int_equal(l.index, 42);
	assert_true(l.up);
	assert_string_equal(l.name, "a-name-of-sixte");
	assert_int_equal(l.mtu, 1500);
	assert_int_equal(l.master, 0);
	assert_int_equal(l.mac[0], 2);
	m.size = sizeof(h) - 1;
	assert_false(link_parse(&m, &l));
}

static void reads_rules(void **state)
{
	struct nfgenmsg g = { .nfgen_family = NFPROTO_NETDEV };
	struct nft_state s = { 0 };
	struct netlink_msg m;
	struct reply r = { 0 };
	struct err e = { 0 };

	message(&r, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN, 0, &g, sizeof(g));
	attribute(&r, NFTA_CHAIN_TABLE, "banger", 7);
	attribute(&r, NFTA_CHAIN_NAME, "tap-fc-1", 9);
	finish(&r);
	assert_ok(netlink_walk(r.data, r.len, keep, &m, &e));
	nft_state_add(&s, &m, "other");
	assert_int_equal(s.n_taps, 0);
	nft_state_add(&s, &m, "banger");
	assert_int_equal(s.n_taps, 1);
	assert_string_equal(s.taps[0], "tap-fc-1");
	m.size = 3;
	nft_state_add(&s, &m, "banger");
	assert_int_equal(s.n_taps, 1);
	nft_state_done(&s);
}

static void tells_the_kernels_words(void **state)
{
	AUTO(netlink_free) struct netlink *n = NULL;
	struct err e = { 0 };
	struct link l;

	assert_ok(netlink_open(NETLINK_ROUTE, &n, &e));
	assert_err(link_get(n, "no-such-device", &l, &e), ERR_NOT_FOUND);
	assert_ok(link_get(n, "lo", &l, &e)); /* the socket goes on after a failure */
	assert_int_equal(l.index, 1);
	netlink_begin(n, RTM_NEWLINK, NLM_F_CREATE, &(struct ifinfomsg){ 0 }, sizeof(struct ifinfomsg), "make it");
	size_t info = netlink_nest(n, IFLA_LINKINFO);
	netlink_put_str(n, IFLA_INFO_KIND, "no-such-kind");
	netlink_nest_end(n, info);
	assert_int_equal(netlink_run(n, &e), -1);
	assert_non_null(strstr(e.msg, "make it"));
	if (e.sys == EOPNOTSUPP) /* with the right to do it */
		assert_non_null(strstr(e.msg, "Unknown device type"));
	else
		assert_int_equal(e.code, ERR_DENIED);
}

static void a_list_of_links_has_lo(void **state)
{
	AUTO(netlink_free) struct netlink *n = NULL;
	AUTO_MEM struct link *all = NULL;
	struct err e = { 0 };
	size_t found = 0, total;

	assert_ok(netlink_open(NETLINK_ROUTE, &n, &e));
	assert_ok(link_list(n, &all, &total, &e));
	for (size_t i = 0; i < total; i++)
		found += strcmp(all[i].name, "lo") == 0;
	assert_int_equal(found, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_an_extended_ack),
		cmocka_unit_test(walks_within_bounds),
		cmocka_unit_test(ends_at_a_bad_attribute),
		cmocka_unit_test(reads_a_link),
		cmocka_unit_test(reads_rules),
		cmocka_unit_test(tells_the_kernels_words),
		cmocka_unit_test(a_list_of_links_has_lo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
