/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading back what the kernel holds of ours; prototypes in nft.h and nft_expr.h. */
#include "net/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/netlink.h"
#include "net/nft_expr.h"

enum { READ_TRIES = 5 };

void nft_state_done(struct nft_state *s)
{
	free(s->taps);
	free(s->families);
	free(s->nat);
	*s = (struct nft_state){ 0 };
}

bool nft_state_has_nat(const struct nft_state *s, uint32_t address)
{
	for (size_t i = 0; i < s->n_nat; i++)
		if (s->nat[i] == address)
			return true;
	return false;
}

static bool is_of_table(const unsigned char *at, size_t left, unsigned type, const char *table)
{
	char name[NFT_TABLE_NAME_MAX + 1];
	struct netlink_attr a;

	if (!netlink_attr_find(at, left, type, &a))
		return false;
	netlink_attr_str(&a, name, sizeof(name));
	return str_eq(name, table);
}

static void add_chain(struct nft_state *s, uint8_t family, const unsigned char *at, size_t left)
{
	struct netlink_attr a;

	if ((family != NFPROTO_NETDEV && family != NFPROTO_BRIDGE) || !netlink_attr_find(at, left, NFTA_CHAIN_NAME, &a))
		return;
	s->taps = mem_grow(s->taps, s->n_taps, sizeof(*s->taps));
	s->families = mem_grow(s->families, s->n_taps, 1);
	netlink_attr_str(&a, s->taps[s->n_taps], sizeof(*s->taps));
	s->families[s->n_taps++] = family;
}

static void add_table(struct nft_state *s, uint8_t family, const unsigned char *at, size_t left)
{
	static const uint8_t known[] = { NFPROTO_IPV4, NFPROTO_NETDEV, NFPROTO_BRIDGE };
	struct netlink_attr a;

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i] == family)
			s->tables[i] = family;
	/* nft's user data: a type, a length, the text; type 0 is the comment. */
	if (family == NFPROTO_IPV4 && netlink_attr_find(at, left, NFTA_TABLE_USERDATA, &a) && a.size > 2 && a.data[0] == 0) {
		a.data += 2;
		a.size -= 2;
		netlink_attr_str(&a, s->comment, sizeof(s->comment));
	}
}

static void add_elements(struct nft_state *s, const struct netlink_attr *list)
{
	const unsigned char *at = list->data;
	size_t left = list->size;
	struct netlink_attr element, key, value;
	uint32_t be;

	while (netlink_attr_next(&at, &left, &element))
		if (netlink_attr_find(element.data, element.size, NFTA_SET_ELEM_KEY, &key) &&
		    netlink_attr_find(key.data, key.size, NFTA_DATA_VALUE, &value) && netlink_attr_u32(&value, &be)) {
			s->nat = mem_grow(s->nat, s->n_nat, sizeof(*s->nat));
			s->nat[s->n_nat++] = ntohl(be);
		}
}

void nft_state_add(struct nft_state *s, const struct netlink_msg *m, const char *table)
{
	struct nfgenmsg g;
	struct netlink_attr a;

	if (m->size < sizeof(g) || m->type >> 8 != NFNL_SUBSYS_NFTABLES)
		return;
	memcpy(&g, m->body, sizeof(g));
	const unsigned char *at = m->body + sizeof(g);
	size_t left = m->size - sizeof(g);
	unsigned what = m->type & 255;
	if (what == NFT_MSG_NEWTABLE && is_of_table(at, left, NFTA_TABLE_NAME, table))
		add_table(s, g.nfgen_family, at, left);
	else if (what == NFT_MSG_NEWCHAIN && is_of_table(at, left, NFTA_CHAIN_TABLE, table))
		add_chain(s, g.nfgen_family, at, left);
	else if (what == NFT_MSG_NEWSETELEM && is_of_table(at, left, NFTA_SET_ELEM_LIST_TABLE, table) &&
		 netlink_attr_find(at, left, NFTA_SET_ELEM_LIST_ELEMENTS, &a))
		add_elements(s, &a);
}

struct reading {
	struct nft_state *state;
	const char *table;
};

static int collect(const struct netlink_msg *m, void *arg, struct err *e)
{
	struct reading *r = arg;

	nft_state_add(r->state, m, r->table);
	return 0;
}

static MUST int read_once(struct netlink *n, const struct nft_base *b, struct nft_state *s, struct err *e)
{
	struct reading r = { s, b->table };

	nft_begin(n, NFT_MSG_GETTABLE, NFPROTO_UNSPEC, NLM_F_DUMP, "read tables");
	if (netlink_query(n, collect, &r, e) < 0)
		return -1;
	if (!s->tables[0] && !s->tables[1] && !s->tables[2])
		return 0;
	nft_begin(n, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, NLM_F_DUMP, "read chains");
	if (netlink_query(n, collect, &r, e) < 0)
		return -1;
	nft_begin(n, NFT_MSG_GETSETELEM, NFPROTO_IPV4, NLM_F_DUMP, "read the set of addresses");
	netlink_allow(n, ENOENT);
	netlink_put_str(n, NFTA_SET_ELEM_LIST_TABLE, b->table);
	netlink_put_str(n, NFTA_SET_ELEM_LIST_SET, NFT_SET_NAT);
	return netlink_query(n, collect, &r, e);
}

int nft_read(struct netlink *n, const struct nft_base *base, struct nft_state *ret, struct err *e)
{
	for (int tries = 1;; tries++) {
		struct nft_state s = { 0 };

		if (read_once(n, base, &s, e) == 0) {
			*ret = s;
			return 0;
		}
		nft_state_done(&s);
		if (e->code != ERR_BUSY || tries == READ_TRIES)
			return err_wrap(e, "read the rules of '%s'", base->bridge);
		err_clear(e);
	}
}
