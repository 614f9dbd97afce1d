/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Routes by rtnetlink, only to be looked at. Needs no rights. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/netlink.h"

struct route {
	uint32_t to;     /* host order */
	unsigned prefix; /* 0: the default route */
	int index;       /* of the device, 0 for none (blackhole, several next hops) */
};

/* The IPv4 routes of table main. n is a NETLINK_ROUTE socket. Caller frees *ret. */
MUST int route_list(struct netlink *n, struct route **ret, size_t *ret_n, struct err *e);
/* Reads an RTM_NEWROUTE message; false when it is of another table or family, or too short. Pure. */
bool route_parse(const struct netlink_msg *m, struct route *ret);
