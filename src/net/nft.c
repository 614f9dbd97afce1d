/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netlink.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/netlink.h"
#include "net/nft_expr.h"

enum {
	SET_NAT_ID = 1,     /* names the set within a batch */
	TYPE_IPV4_ADDR = 7, /* nft's own number for a set of IPv4 addresses, so that it prints them */
	GUARD_PRIORITY = -300,
	HEADER_IP_SOURCE = 12,
	HEADER_IP_DESTINATION = 16,
	ELEMENTS_AT_ONCE = 1000, /* of a set, in one message */
};

/* The bridge family's hooks, from linux/netfilter_bridge.h, which musl's headers do not go with. */
enum { BRIDGE_PRE_ROUTING = 0, BRIDGE_PRIORITY = -300 };

struct chain {
	unsigned family;
	const char *name, *type, *device;
	unsigned hook;
	int priority;
	uint32_t policy;
};

static void put_chain(struct netlink *n, const char *table, const struct chain *c)
{
	nft_begin(n, NFT_MSG_NEWCHAIN, c->family, NLM_F_CREATE, "make a chain");
	netlink_put_str(n, NFTA_CHAIN_TABLE, table);
	netlink_put_str(n, NFTA_CHAIN_NAME, c->name);
	size_t hook = netlink_nest(n, NFTA_CHAIN_HOOK);
	netlink_put_be32(n, NFTA_HOOK_HOOKNUM, c->hook);
	netlink_put_be32(n, NFTA_HOOK_PRIORITY, (uint32_t)c->priority);
	if (c->device)
		netlink_put_str(n, NFTA_HOOK_DEV, c->device);
	netlink_nest_end(n, hook);
	netlink_put_be32(n, NFTA_CHAIN_POLICY, c->policy);
	netlink_put_str(n, NFTA_CHAIN_TYPE, c->type);
}

/* What the rules of table ip are made from, as its comment: a table with another one is made anew. Count RULES up with every change of put_base. */
static void make_comment(const struct nft_base *b, char out[static NFT_COMMENT_MAX])
{
	enum { RULES = 1 };
	char net[ADDR_NET_TEXT];

	snprintf(out, NFT_COMMENT_MAX, "banger rules %d, %s on %s", RULES, addr_net_text(&b->net, net), b->bridge);
}

static void put_table(struct netlink *n, unsigned family, const char *table, const char *comment)
{
	nft_begin(n, NFT_MSG_NEWTABLE, family, NLM_F_CREATE, "make the table");
	netlink_put_str(n, NFTA_TABLE_NAME, table);
	if (comment) { /* see nft_read.c */
		uint8_t data[2 + NFT_COMMENT_MAX] = { 0, (uint8_t)(strlen(comment) + 1) };

		memcpy(data + 2, comment, data[1]);
		netlink_put(n, NFTA_TABLE_USERDATA, data, 2u + data[1]);
	}
}

static void put_nat_set(struct netlink *n, const char *table)
{
	nft_begin(n, NFT_MSG_NEWSET, NFPROTO_IPV4, NLM_F_CREATE, "make the set of addresses");
	netlink_put_str(n, NFTA_SET_TABLE, table);
	netlink_put_str(n, NFTA_SET_NAME, NFT_SET_NAT);
	netlink_put_be32(n, NFTA_SET_FLAGS, 0);
	netlink_put_be32(n, NFTA_SET_KEY_TYPE, TYPE_IPV4_ADDR);
	netlink_put_be32(n, NFTA_SET_KEY_LEN, 4);
	netlink_put_be32(n, NFTA_SET_ID, SET_NAT_ID);
}

static void put_nat_elements(struct netlink *n, const char *table, unsigned type, const uint32_t *addresses, size_t count)
{
	nft_begin(n, type, NFPROTO_IPV4, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0, "change the set of addresses");
	netlink_put_str(n, NFTA_SET_ELEM_LIST_TABLE, table);
	netlink_put_str(n, NFTA_SET_ELEM_LIST_SET, NFT_SET_NAT);
	size_t list = netlink_nest(n, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (size_t i = 0; i < count; i++) {
		uint32_t be = htonl(addresses[i]);
		size_t element = netlink_nest(n, NFTA_LIST_ELEM), key = netlink_nest(n, NFTA_SET_ELEM_KEY);

		netlink_put(n, NFTA_DATA_VALUE, &be, sizeof(be));
		netlink_nest_end(n, key);
		netlink_nest_end(n, element);
	}
	netlink_nest_end(n, list);
}

/* One rule of the ip table: packets from in to out (NULL: any) get the verdict. nat: 1 only from addresses in the set, -1 only from others. */
static void put_forward(struct netlink *n, const struct nft_base *b, const char *in, const char *out, int nat, bool established, uint32_t verdict)
{
	size_t list;

	nft_rule_begin(n, NFPROTO_IPV4, b->table, "forward", &list);
	if (in)
		nft_device(n, NFT_IN, in, true);
	if (out)
		nft_device(n, NFT_OUT, out, true);
	if (nat)
		nft_address_in(n, HEADER_IP_SOURCE, NFT_SET_NAT, SET_NAT_ID, nat > 0);
	if (established)
		nft_established(n);
	nft_verdict(n, verdict);
	nft_rule_end(n, list);
}

static void put_input(struct netlink *n, const struct nft_base *b)
{
	uint32_t host = htonl(b->net.host);
	size_t list;

	nft_rule_begin(n, NFPROTO_IPV4, b->table, "input", &list);
	nft_device(n, NFT_IN, ADDR_TAP_PREFIX "*", true); /* a port hands nothing up itself, but for frames the bridge does not take */
	nft_verdict(n, NF_DROP);
	nft_rule_end(n, list);

	nft_rule_begin(n, NFPROTO_IPV4, b->table, "input", &list);
	nft_device(n, NFT_IN, b->bridge, true);
	nft_bytes(n, NFT_NETWORK_HEADER, HEADER_IP_DESTINATION, &host, sizeof(host), false);
	nft_address_in(n, HEADER_IP_SOURCE, NFT_SET_NAT, SET_NAT_ID, false);
	nft_verdict(n, NF_DROP);
	nft_rule_end(n, list);
}

static void put_postrouting(struct netlink *n, const struct nft_base *b)
{
	size_t list;

	nft_rule_begin(n, NFPROTO_IPV4, b->table, "postrouting", &list);
	nft_address_in(n, HEADER_IP_SOURCE, NFT_SET_NAT, SET_NAT_ID, true);
	nft_device(n, NFT_OUT, b->bridge, false);
	nft_masquerade(n);
	nft_rule_end(n, list);
}

static void put_base(struct netlink *n, const struct nft_base *b)
{
	static const struct chain chains[] = {
		{ NFPROTO_IPV4, "forward", "filter", NULL, NF_INET_FORWARD, NF_IP_PRI_FILTER, NF_ACCEPT },
		{ NFPROTO_IPV4, "input", "filter", NULL, NF_INET_LOCAL_IN, NF_IP_PRI_FILTER, NF_ACCEPT },
		{ NFPROTO_IPV4, "postrouting", "nat", NULL, NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC, NF_ACCEPT },
	};
	char comment[NFT_COMMENT_MAX];

	make_comment(b, comment);
	put_table(n, NFPROTO_IPV4, b->table, comment);
	put_nat_set(n, b->table);
	for (size_t i = 0; i < ARRAY_LEN(chains); i++)
		put_chain(n, b->table, &chains[i]);
	put_forward(n, b, ADDR_TAP_PREFIX "*", NULL, 0, false, NF_DROP);
	put_forward(n, b, b->bridge, b->bridge, 0, false, NF_DROP);
	put_forward(n, b, b->bridge, NULL, 1, false, NF_ACCEPT);
	put_forward(n, b, b->bridge, NULL, 0, false, NF_DROP);
	put_forward(n, b, NULL, b->bridge, 0, true, NF_ACCEPT);
	put_forward(n, b, NULL, b->bridge, 0, false, NF_DROP);
	put_input(n, b);
	put_postrouting(n, b);
}

/* Opens a rule of the guest's chain for frames of its own MAC and that type. */
static void guest_rule_begin(struct netlink *n, const struct nft_base *b, const struct nft_guest *g, unsigned family, uint16_t ether_type, size_t *ret_list)
{
	uint8_t head[8]; /* Ethernet's source and type stand side by side; a VLAN tag would stand in the type's place */
	uint16_t type = htons(ether_type);

	memcpy(head, g->mac, 6);
	memcpy(head + 6, &type, 2);
	nft_rule_begin(n, family, b->table, g->tap, ret_list);
	if (family == NFPROTO_BRIDGE)
		nft_device(n, NFT_IN, g->tap, true);
	nft_is_ethernet(n);
	nft_bytes(n, NFT_LINK_HEADER, 6, head, sizeof(head), true);
}

static void put_guest_arp(struct netlink *n, const struct nft_base *b, const struct nft_guest *g, unsigned family, uint32_t sender)
{
	static const uint8_t ethernet_ipv4[6] = { 0, 1, 8, 0, 6, 4 };
	uint32_t be = htonl(sender);
	uint8_t who[10];
	size_t list;

	memcpy(who, g->mac, 6);
	memcpy(who + 6, &be, 4);
	guest_rule_begin(n, b, g, family, ETH_P_ARP, &list);
	nft_bytes(n, NFT_NETWORK_HEADER, 0, ethernet_ipv4, 4, true);
	nft_bytes(n, NFT_NETWORK_HEADER, 4, ethernet_ipv4 + 4, 2, true);
	nft_bytes(n, NFT_NETWORK_HEADER, 8, who, sizeof(who), true);
	nft_verdict(n, NF_ACCEPT);
	nft_rule_end(n, list);
}

/* there: the chain is, and is filled anew. */
static void put_guest(struct netlink *n, const struct nft_base *b, const struct nft_guest *g, unsigned family, bool there)
{
	const bool netdev = family == NFPROTO_NETDEV;
	const struct chain chain = {
		.family = family,
		.name = g->tap,
		.type = "filter",
		.device = netdev ? g->tap : NULL,
		.hook = netdev ? NF_NETDEV_INGRESS : BRIDGE_PRE_ROUTING,
		.priority = netdev ? GUARD_PRIORITY : BRIDGE_PRIORITY,
		.policy = netdev ? NF_DROP : NF_ACCEPT,
	};
	uint32_t address = htonl(g->address);
	size_t list;

	put_table(n, family, b->table, NULL);
	put_chain(n, b->table, &chain);
	if (there) {
		nft_begin(n, NFT_MSG_DELRULE, family, 0, "empty a chain");
		netlink_put_str(n, NFTA_RULE_TABLE, b->table);
		netlink_put_str(n, NFTA_RULE_CHAIN, g->tap);
	}
	put_guest_arp(n, b, g, family, g->address);
	put_guest_arp(n, b, g, family, 0);
	guest_rule_begin(n, b, g, family, ETH_P_IP, &list);
	nft_bytes(n, NFT_NETWORK_HEADER, HEADER_IP_SOURCE, &address, sizeof(address), true);
	nft_verdict(n, NF_ACCEPT);
	nft_rule_end(n, list);
	if (!netdev) { /* a chain there sees every port's frames */
		nft_rule_begin(n, family, b->table, g->tap, &list);
		nft_device(n, NFT_IN, g->tap, true);
		nft_verdict(n, NF_DROP);
		nft_rule_end(n, list);
	}
}

static MUST int attach_by(struct netlink *n, const struct nft_base *b, const struct nft_guest *g, unsigned family, const struct nft_state *s, struct err *e)
{
	char comment[NFT_COMMENT_MAX];
	bool there = false, nat = nft_state_has_nat(s, g->address);

	make_comment(b, comment);
	for (size_t i = 0; i < s->n_taps; i++)
		there |= s->families[i] == family && str_eq(s->taps[i], g->tap);
	nft_batch_begin(n);
	if (!s->tables[0] || !str_eq(s->comment, comment)) {
		if (s->tables[0]) {
			nft_begin(n, NFT_MSG_DELTABLE, NFPROTO_IPV4, 0, "remove the old table");
			netlink_put_str(n, NFTA_TABLE_NAME, b->table);
		}
		put_base(n, b);
		for (size_t at = 0; at < s->n_nat; at += ELEMENTS_AT_ONCE)
			put_nat_elements(n, b->table, NFT_MSG_NEWSETELEM, s->nat + at, s->n_nat - at < ELEMENTS_AT_ONCE ? s->n_nat - at : ELEMENTS_AT_ONCE);
	}
	put_guest(n, b, g, family, there);
	if (g->nat != nat)
		put_nat_elements(n, b->table, g->nat ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, &g->address, 1);
	nft_batch_end(n);
	return netlink_run(n, e);
}

static bool is_missing_feature(const struct err *e)
{
	return e->sys == EOPNOTSUPP || e->sys == ENOENT || e->sys == EAFNOSUPPORT;
}

int nft_attach(struct netlink *n, const struct nft_base *base, const struct nft_guest *guest, enum nft_guard guard, struct err *e)
{
	AUTO_DONE(nft_state_done) struct nft_state s = { 0 };

	if (nft_read(n, base, &s, e) < 0)
		return -1;
	if (guard == NFT_GUARD_AUTO && s.tables[2] && !s.tables[1]) /* found out before */
		guard = NFT_GUARD_BRIDGE;
	int rc = attach_by(n, base, guest, guard == NFT_GUARD_BRIDGE ? NFPROTO_BRIDGE : NFPROTO_NETDEV, &s, e);
	if (rc < 0 && guard == NFT_GUARD_AUTO && is_missing_feature(e)) {
		err_clear(e);
		rc = attach_by(n, base, guest, NFPROTO_BRIDGE, &s, e);
	}
	if (rc == 0)
		return 0;
	if (is_missing_feature(e)) {
		e->code = ERR_UNAVAILABLE;
		err_hint(e, "the kernel needs nftables with netdev or bridge filters, sets and masquerade; or use --net none");
	}
	return err_wrap(e, "rules for '%s'", guest->tap);
}

static void put_remove_chain(struct netlink *n, const char *table, unsigned family, const char *chain)
{
	nft_begin(n, NFT_MSG_DELCHAIN, family, 0, "remove a chain");
	netlink_put_str(n, NFTA_CHAIN_TABLE, table);
	netlink_put_str(n, NFTA_CHAIN_NAME, chain);
}

static void put_remove_tables(struct netlink *n, const char *table, const struct nft_state *s)
{
	for (size_t i = 0; i < ARRAY_LEN(s->tables); i++)
		if (s->tables[i]) {
			nft_begin(n, NFT_MSG_DELTABLE, s->tables[i], 0, "remove the table");
			netlink_put_str(n, NFTA_TABLE_NAME, table);
		}
}

static bool has_tables(const struct nft_state *s)
{
	return s->tables[0] || s->tables[1] || s->tables[2];
}

int nft_detach(struct netlink *n, const struct nft_base *base, const char *tap, uint32_t address, struct err *e)
{
	AUTO_DONE(nft_state_done) struct nft_state s = { 0 };
	size_t others = 0, ours = 0;

	if (nft_read(n, base, &s, e) < 0)
		return -1;
	for (size_t i = 0; i < s.n_taps; i++) {
		ours += str_eq(s.taps[i], tap);
		others += !str_eq(s.taps[i], tap);
	}
	bool nat = nft_state_has_nat(&s, address);
	if (others ? !ours && !nat : !has_tables(&s))
		return 0;
	nft_batch_begin(n);
	if (others == 0)
		put_remove_tables(n, base->table, &s);
	for (size_t i = 0; others && i < s.n_taps; i++)
		if (str_eq(s.taps[i], tap))
			put_remove_chain(n, base->table, s.families[i], tap);
	if (others && nat)
		put_nat_elements(n, base->table, NFT_MSG_DELSETELEM, &address, 1);
	nft_batch_end(n);
	return netlink_run(n, e) < 0 ? err_wrap(e, "rules for '%s'", tap) : 0;
}

int nft_remove(struct netlink *n, const struct nft_base *base, struct err *e)
{
	AUTO_DONE(nft_state_done) struct nft_state s = { 0 };

	if (nft_read(n, base, &s, e) < 0)
		return -1;
	if (!has_tables(&s))
		return 0;
	nft_batch_begin(n);
	put_remove_tables(n, base->table, &s);
	nft_batch_end(n);
	return netlink_run(n, e) < 0 ? err_wrap(e, "rules of '%s'", base->bridge) : 0;
}
