/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Rules of others that stand in guests' way: chains at forward or input that drop what they do not know of. With nftables a packet has to pass every chain,
 * so accepting it in our table is not enough. */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "net/netlink.h"

#define FIREWALLS_MAX 16
#define FIREWALL_TEXT 96

struct firewall {
	char chain[FIREWALL_TEXT]; /* "ip filter FORWARD", as nft takes it; "FORWARD" of a legacy one */
	bool forward;              /* else what goes to the host itself */
	bool legacy;               /* of iptables-legacy, net/firewall_legacy.h */
};

/* Chains of IPv4 that drop by default, are not in table own ("banger" or what begins with it and '-') and in which no rule names the bridge. n is a
 * NETLINK_NETFILTER socket; needs CAP_NET_ADMIN. */
MUST int firewall_list(struct netlink *n, const char *bridge, struct firewall ret[static FIREWALLS_MAX], size_t *ret_n, struct err *e);
/* Reads one NFT_MSG_NEWCHAIN; false when it is no such chain. Pure. */
bool firewall_parse(const struct netlink_msg *m, struct firewall *ret);
