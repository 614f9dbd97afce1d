/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A device's counters by rtnetlink (IFLA_STATS64 of linux/if_link.h). Needs no rights. */

#include "net/netlink.h"

/* As the host sees the device, since it was made. What a tap receives is what its guest sent. */
struct link_counters {
	uint64_t received_bytes, sent_bytes;
};

/* n is a NETLINK_ROUTE socket. ERR_NOT_FOUND when there is no device of that name. */
MUST int link_counters(struct netlink *n, const char *name, struct link_counters *ret, struct err *e);
/* Reads an RTM_NEWLINK message; false when it is none or has no counters. Pure. */
bool link_parse_counters(const struct netlink_msg *m, struct link_counters *ret);
