/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What guests may send, as nftables rules by netlink batches: each change is made whole or not at all, and repeating it changes nothing.
 *
 * Table `ip TABLE`, one for a bridge:
 *   forward      from the bridge: nothing back to it, out only for the addresses in set `nat`; to the bridge: only answers
 *   input        from the bridge to the host: its address on the bridge, for those in `nat` all of its addresses
 *   postrouting  masquerade for those in `nat`
 * Table `netdev TABLE`, a chain for each tap at its ingress: the guest's own MAC with ARP that tells the truth (or asks with no address,
 * as duplicate detection does) or IPv4 from its own address; all else (IPv6, VLAN tags, bridge control) is dropped.
 * Where the kernel lacks netdev hooks the same chains stand in `bridge TABLE` at prerouting. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/addr.h"
#include "net/netlink.h"

#define NFT_TABLE_NAME_MAX 32
#define NFT_SET_NAT "nat"
#define NFT_COMMENT_MAX 128

/* What one bridge's table is made from. */
struct nft_base {
	char table[NFT_TABLE_NAME_MAX];
	const char *bridge; /* borrowed */
	struct addr_net net;
};

struct nft_guest {
	char tap[ADDR_DEV_NAME];
	uint8_t mac[6];
	uint32_t address;
	bool nat;
};

/* Where the taps' chains stand. */
enum nft_guard { NFT_GUARD_AUTO, NFT_GUARD_NETDEV, NFT_GUARD_BRIDGE };

/* What the kernel holds of ours. */
struct nft_state {
	char (*taps)[ADDR_DEV_NAME]; /* chains of guests */
	uint8_t *families;           /* of each, NFPROTO_* */
	size_t n_taps;
	uint32_t *nat;               /* addresses in set `nat` */
	size_t n_nat;
	uint8_t tables[3];           /* families that have our table, 0 for none */
	char comment[NFT_COMMENT_MAX]; /* of table ip: what its rules were made from */
};

/* Makes the tables and the guest's rules, or brings them to what is asked; other guests' stay as they are. The tap must exist. n is a NETLINK_NETFILTER
 * socket here and below: closing one right after a removal waits for the kernel's clean-up (10 ms), so keep it open. guard is
 * NFT_GUARD_AUTO but for tests. ERR_UNAVAILABLE when the kernel lacks what the rules need. */
MUST int nft_attach(struct netlink *n, const struct nft_base *base, const struct nft_guest *guest, enum nft_guard guard, struct err *e);
/* Removes what nft_attach made for the guest, and the tables after the last one. */
MUST int nft_detach(struct netlink *n, const struct nft_base *base, const char *tap, uint32_t address, struct err *e);
/* Removes the tables. */
MUST int nft_remove(struct netlink *n, const struct nft_base *base, struct err *e);
/* Reads what is there. Free it with nft_state_done. */
MUST int nft_read(struct netlink *n, const struct nft_base *base, struct nft_state *ret, struct err *e);
void nft_state_done(struct nft_state *s);
/* Takes one answer of the kernel in; what is not of that table, or too short, is passed over. Pure. */
void nft_state_add(struct nft_state *s, const struct netlink_msg *m, const char *table);
bool nft_state_has_nat(const struct nft_state *s, uint32_t address);
