/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The same question to the packet filter before nftables, iptables-legacy's, whose rules no nftables call shows: chains of table filter that drop by
 * default. Source: linux/netfilter_ipv4/ip_tables.h. */

#include <stddef.h>

#include "base/err.h"
#include "net/firewall.h"

struct ipt_getinfo;

/* A socket to ask with; -1 where there is no IPv4. The caller's. */
int firewall_legacy_open(void);
/* Appends to ret, which holds *n of FIREWALLS_MAX, the chains at forward and input that drop by default and in which no rule names the bridge. Loads no kernel
 * module: where nobody has used the table in this network namespace, it is not asked for. Needs CAP_NET_ADMIN, and root's identity for /proc. */
MUST int firewall_legacy_list(int fd, const char *bridge, struct firewall *ret, size_t *n, struct err *e);
/* What a table says: info of IPT_SO_GET_INFO, entries the info->size bytes of IPT_SO_GET_ENTRIES. Appends as above. ERR_INVALID when they do not fit each other. Pure. */
MUST int firewall_legacy_parse(const struct ipt_getinfo *info, const unsigned char *entries, const char *bridge, struct firewall *ret, size_t *n, struct err *e);
