/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/nft_expr.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#include <linux/if_arp.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "base/auto.h"
#include "net/addr.h"

void nft_begin(struct netlink *n, unsigned type, unsigned family, unsigned flags, const char *what)
{
	const struct nfgenmsg g = { .nfgen_family = (uint8_t)family, .version = NFNETLINK_V0 };

	netlink_begin(n, NFNL_SUBSYS_NFTABLES << 8 | type, flags, &g, sizeof(g), what);
}

static void border(struct netlink *n, unsigned type)
{
	const struct nfgenmsg g = { .version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES) };

	netlink_begin_quiet(n, type, &g, sizeof(g));
}

void nft_batch_begin(struct netlink *n)
{
	border(n, NFNL_MSG_BATCH_BEGIN);
}

void nft_batch_end(struct netlink *n)
{
	border(n, NFNL_MSG_BATCH_END);
}

void nft_rule_begin(struct netlink *n, unsigned family, const char *table, const char *chain, size_t *ret_list)
{
	nft_begin(n, NFT_MSG_NEWRULE, family, NLM_F_CREATE | NLM_F_APPEND, "add a rule");
	netlink_put_str(n, NFTA_RULE_TABLE, table);
	netlink_put_str(n, NFTA_RULE_CHAIN, chain);
	*ret_list = netlink_nest(n, NFTA_RULE_EXPRESSIONS);
}

void nft_rule_end(struct netlink *n, size_t list)
{
	netlink_nest_end(n, list);
}

/* An expression's two nests. */
struct expr {
	size_t element, data;
};

static struct expr expr_begin(struct netlink *n, const char *name)
{
	struct expr x = { .element = netlink_nest(n, NFTA_LIST_ELEM) };

	netlink_put_str(n, NFTA_EXPR_NAME, name);
	x.data = netlink_nest(n, NFTA_EXPR_DATA);
	return x;
}

static void expr_end(struct netlink *n, struct expr x)
{
	netlink_nest_end(n, x.data);
	netlink_nest_end(n, x.element);
}

static void put_value(struct netlink *n, unsigned type, const void *value, size_t size)
{
	size_t nest = netlink_nest(n, type);

	netlink_put(n, NFTA_DATA_VALUE, value, size);
	netlink_nest_end(n, nest);
}

static void payload(struct netlink *n, enum nft_header from, unsigned offset, size_t size)
{
	struct expr x = expr_begin(n, "payload");

	netlink_put_be32(n, NFTA_PAYLOAD_DREG, NFT_REG_1);
	netlink_put_be32(n, NFTA_PAYLOAD_BASE, from == NFT_LINK_HEADER ? NFT_PAYLOAD_LL_HEADER : NFT_PAYLOAD_NETWORK_HEADER);
	netlink_put_be32(n, NFTA_PAYLOAD_OFFSET, offset);
	netlink_put_be32(n, NFTA_PAYLOAD_LEN, (uint32_t)size);
	expr_end(n, x);
}

static void compare(struct netlink *n, const void *value, size_t size, bool equal)
{
	struct expr x = expr_begin(n, "cmp");

	netlink_put_be32(n, NFTA_CMP_SREG, NFT_REG_1);
	netlink_put_be32(n, NFTA_CMP_OP, equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
	put_value(n, NFTA_CMP_DATA, value, size);
	expr_end(n, x);
}

void nft_bytes(struct netlink *n, enum nft_header from, unsigned offset, const void *value, size_t size, bool equal)
{
	assert(size <= 16); /* one register */
	payload(n, from, offset, size);
	compare(n, value, size, equal);
}

void nft_device(struct netlink *n, enum nft_device which, const char *name, bool equal)
{
	char padded[ADDR_DEV_NAME] = { 0 };
	size_t length = strlen(name);

	assert(length < sizeof(padded));
	memcpy(padded, name, length);
	struct expr x = expr_begin(n, "meta");
	netlink_put_be32(n, NFTA_META_KEY, which == NFT_IN ? NFT_META_IIFNAME : NFT_META_OIFNAME);
	netlink_put_be32(n, NFTA_META_DREG, NFT_REG_1);
	expr_end(n, x);
	bool star = length > 0 && name[length - 1] == '*';
	compare(n, padded, star ? length - 1 : sizeof(padded), equal);
}

void nft_is_ethernet(struct netlink *n)
{
	const uint16_t ethernet = ARPHRD_ETHER; /* in host order in the register */
	struct expr x = expr_begin(n, "meta");

	netlink_put_be32(n, NFTA_META_KEY, NFT_META_IIFTYPE);
	netlink_put_be32(n, NFTA_META_DREG, NFT_REG_1);
	expr_end(n, x);
	compare(n, &ethernet, sizeof(ethernet), true);
}

void nft_address_in(struct netlink *n, unsigned offset, const char *set, uint32_t set_id, bool in)
{
	payload(n, NFT_NETWORK_HEADER, offset, 4);
	struct expr x = expr_begin(n, "lookup");
	netlink_put_str(n, NFTA_LOOKUP_SET, set);
	netlink_put_be32(n, NFTA_LOOKUP_SREG, NFT_REG_1);
	netlink_put_be32(n, NFTA_LOOKUP_SET_ID, set_id);
	if (!in)
		netlink_put_be32(n, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
	expr_end(n, x);
}

void nft_established(struct netlink *n)
{
	const uint32_t bits = NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED), none = 0;
	struct expr x = expr_begin(n, "ct");

	netlink_put_be32(n, NFTA_CT_KEY, NFT_CT_STATE);
	netlink_put_be32(n, NFTA_CT_DREG, NFT_REG_1);
	expr_end(n, x);
	x = expr_begin(n, "bitwise");
	netlink_put_be32(n, NFTA_BITWISE_SREG, NFT_REG_1);
	netlink_put_be32(n, NFTA_BITWISE_DREG, NFT_REG_1);
	netlink_put_be32(n, NFTA_BITWISE_LEN, sizeof(bits));
	put_value(n, NFTA_BITWISE_MASK, &bits, sizeof(bits)); /* the register's state is in host order */
	put_value(n, NFTA_BITWISE_XOR, &none, sizeof(none));
	expr_end(n, x);
	compare(n, &none, sizeof(none), false);
}

void nft_verdict(struct netlink *n, uint32_t verdict)
{
	struct expr x = expr_begin(n, "immediate");

	netlink_put_be32(n, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	size_t data = netlink_nest(n, NFTA_IMMEDIATE_DATA), nest = netlink_nest(n, NFTA_DATA_VERDICT);
	netlink_put_be32(n, NFTA_VERDICT_CODE, verdict);
	netlink_nest_end(n, nest);
	netlink_nest_end(n, data);
	expr_end(n, x);
}

void nft_masquerade(struct netlink *n)
{
	expr_end(n, expr_begin(n, "masq"));
}
