/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The words of an nftables rule as netlink attributes (linux/netfilter/nf_tables.h). Each call appends one condition or verdict to the rule that
 * nft_rule_begin opened; a rule acts when all its conditions hold. Private to nft.c and its tests. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/netlink.h"

/* Where payload offsets count from; the numbers of enum nft_payload_bases. */
enum nft_header { NFT_LINK_HEADER, NFT_NETWORK_HEADER };
enum nft_device { NFT_IN, NFT_OUT };

/* A message of nf_tables; type is enum nf_tables_msg_types, family NFPROTO_*. */
void nft_begin(struct netlink *n, unsigned type, unsigned family, unsigned flags, const char *what);
void nft_batch_begin(struct netlink *n);
void nft_batch_end(struct netlink *n);

void nft_rule_begin(struct netlink *n, unsigned family, const char *table, const char *chain, size_t *ret_list);
void nft_rule_end(struct netlink *n, size_t list);

/* size (to 16) bytes at offset equal value, or differ. */
void nft_bytes(struct netlink *n, enum nft_header from, unsigned offset, const void *value, size_t size, bool equal);
/* The device's name equals name, or differs; a name that ends in '*' stands for all that begin so. */
void nft_device(struct netlink *n, enum nft_device which, const char *name, bool equal);
/* The device is an Ethernet one. Always so for a tap, but it tells nft how to print what follows. */
void nft_is_ethernet(struct netlink *n);
/* The IPv4 address at offset of the network header is in the set, or is not. */
void nft_address_in(struct netlink *n, unsigned offset, const char *set, uint32_t set_id, bool in);
/* The packet belongs to a connection that was answered, or is related to one. */
void nft_established(struct netlink *n);
/* verdict: NF_ACCEPT, NF_DROP. */
void nft_verdict(struct netlink *n, uint32_t verdict);
void nft_masquerade(struct netlink *n);
