/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/firewall.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "base/str.h"
#include "net/nft.h"
#include "net/nft_expr.h"

enum { TRIES = 5 };

static bool text_of(const unsigned char *at, size_t left, unsigned type, char *out, size_t room)
{
	struct netlink_attr a;

	if (!netlink_attr_find(at, left, type, &a))
		return false;
	netlink_attr_str(&a, out, room);
	return *out;
}

static bool number_of(const unsigned char *at, size_t left, unsigned type, uint32_t *ret)
{
	struct netlink_attr a;

	if (!netlink_attr_find(at, left, type, &a) || !netlink_attr_u32(&a, ret))
		return false;
	*ret = ntohl(*ret);
	return true;
}

bool firewall_parse(const struct netlink_msg *m, struct firewall *ret)
{
	char table[40], chain[40];
	struct netlink_attr hook;
	uint32_t policy, number;
	struct nfgenmsg g;

	if (m->size < sizeof(g) || m->type >> 8 != NFNL_SUBSYS_NFTABLES || (m->type & 255) != NFT_MSG_NEWCHAIN)
		return false;
	memcpy(&g, m->body, sizeof(g));
	const unsigned char *at = m->body + sizeof(g);
	size_t left = m->size - sizeof(g);
	if ((g.nfgen_family != NFPROTO_IPV4 && g.nfgen_family != NFPROTO_INET) || !text_of(at, left, NFTA_CHAIN_TABLE, table, sizeof(table)) ||
	    !text_of(at, left, NFTA_CHAIN_NAME, chain, sizeof(chain)) || !number_of(at, left, NFTA_CHAIN_POLICY, &policy) || policy != NF_DROP ||
	    !netlink_attr_find(at, left, NFTA_CHAIN_HOOK, &hook) || !number_of(hook.data, hook.size, NFTA_HOOK_HOOKNUM, &number) ||
	    (number != NF_INET_FORWARD && number != NF_INET_LOCAL_IN) || str_eq(table, "banger") || str_starts(table, "banger-"))
		return false;
	snprintf(ret->chain, sizeof(ret->chain), "%s %s %s", g.nfgen_family == NFPROTO_INET ? "inet" : "ip", table, chain);
	ret->forward = number == NF_INET_FORWARD;
	ret->legacy = false;
	return true;
}

struct firewalls {
	struct firewall *all;
	size_t n;
};

static int collect(const struct netlink_msg *m, void *arg, struct err *e)
{
	struct firewalls *f = arg;

	if (f->n < FIREWALLS_MAX && firewall_parse(m, &f->all[f->n]))
		f->n++;
	return 0;
}

struct search {
	const char *word;
	size_t n;
	bool found;
};

static int look_for_word(const struct netlink_msg *m, void *arg, struct err *e)
{
	struct search *s = arg;

	s->found |= memmem(m->body, m->size, s->word, s->n) != NULL;
	return 0;
}

/* A rule of that chain names the bridge: somebody has thought of it. */
static MUST int names_bridge(struct netlink *n, const struct firewall *f, const char *bridge, bool *ret, struct err *e)
{
	struct search s = { .word = bridge, .n = strlen(bridge) };
	char family[8], table[40], chain[40];

	if (sscanf(f->chain, "%7s %39s %39s", family, table, chain) != 3)
		return err_set(e, ERR_INTERNAL, "chain '%s'", f->chain);
	nft_begin(n, NFT_MSG_GETRULE, str_eq(family, "inet") ? NFPROTO_INET : NFPROTO_IPV4, NLM_F_DUMP, "read rules");
	netlink_allow(n, ENOENT); /* gone by now */
	netlink_put_str(n, NFTA_RULE_TABLE, table);
	netlink_put_str(n, NFTA_RULE_CHAIN, chain);
	if (netlink_query(n, look_for_word, &s, e) < 0)
		return -1;
	*ret = s.found;
	return 0;
}

static MUST int list_once(struct netlink *n, const char *bridge, struct firewalls *f, struct err *e)
{
	size_t kept = 0;

	f->n = 0;
	nft_begin(n, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, NLM_F_DUMP, "read chains");
	if (netlink_query(n, collect, f, e) < 0)
		return -1;
	for (size_t i = 0; i < f->n; i++) {
		bool known;

		if (names_bridge(n, &f->all[i], bridge, &known, e) < 0)
			return -1;
		if (!known)
			f->all[kept++] = f->all[i];
	}
	f->n = kept;
	return 0;
}

int firewall_list(struct netlink *n, const char *bridge, struct firewall ret[static FIREWALLS_MAX], size_t *ret_n, struct err *e)
{
	struct firewalls f = { .all = ret };

	for (int tries = 1; list_once(n, bridge, &f, e) < 0; tries++) {
		if (e->code != ERR_BUSY || tries == TRIES)
			return err_wrap(e, "look for firewalls");
		err_clear(e);
	}
	*ret_n = f.n;
	return 0;
}
