/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel answers: devices, addresses, rules and errors. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netlink.h>

#include "net/firewall.h"
#include "net/link.h"
#include "net/link_stats.h"
#include "net/netlink.h"
#include "net/nft.h"
#include "net/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int each(const struct netlink_msg *m, void *arg, struct err *e)
{
	struct netlink_result result;
	struct link_address address;
	struct link_counters counters;
	struct firewall wall;
	struct route route;
	struct link l;

	if (m->type == NLMSG_ERROR || m->type == NLMSG_DONE)
		return netlink_result(m, &result, e);
	if (link_parse(m, &l) && l.name[sizeof(l.name) - 1])
		abort();
	(void)link_parse_counters(m, &counters);
	if (link_parse_address(m, &address) && address.net.prefix > 32)
		abort();
	if (firewall_parse(m, &wall) && !memchr(wall.chain, 0, sizeof(wall.chain)))
		abort();
	if (route_parse(m, &route) && route.prefix > 32)
		abort();
	nft_state_add(arg, m, "banger");
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nft_state rules = { 0 };
	struct err e = { 0 };

	if (netlink_walk(data, size, each, &rules, &e) == 0 && e.code != ERR_NONE)
		abort();
	nft_state_done(&rules);
	return 0;
}
