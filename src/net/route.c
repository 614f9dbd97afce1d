/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/route.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "base/mem.h"

bool route_parse(const struct netlink_msg *m, struct route *ret)
{
	struct route r = { 0 };
	struct netlink_attr a;
	struct rtmsg h;
	uint32_t number;

	if (m->type != RTM_NEWROUTE || m->size < sizeof(h))
		return false;
	memcpy(&h, m->body, sizeof(h));
	if (h.rtm_family != AF_INET || h.rtm_table != RT_TABLE_MAIN || h.rtm_dst_len > 32)
		return false;
	const unsigned char *at = m->body + NLMSG_ALIGN(sizeof(h));
	size_t left = m->size - NLMSG_ALIGN(sizeof(h));
	r.prefix = h.rtm_dst_len;
	if (netlink_attr_find(at, left, RTA_DST, &a) && netlink_attr_u32(&a, &number))
		r.to = ntohl(number);
	if (netlink_attr_find(at, left, RTA_OIF, &a) && netlink_attr_u32(&a, &number))
		r.index = (int)number;
	*ret = r;
	return true;
}

struct routes {
	struct route *all;
	size_t n;
};

static int collect(const struct netlink_msg *m, void *arg, struct err *e)
{
	struct routes *rs = arg;
	struct route r;

	if (!route_parse(m, &r))
		return 0;
	rs->all = mem_grow(rs->all, rs->n, sizeof(*rs->all));
	rs->all[rs->n++] = r;
	return 0;
}

int route_list(struct netlink *n, struct route **ret, size_t *ret_n, struct err *e)
{
	struct routes rs = { 0 };

	netlink_begin(n, RTM_GETROUTE, NLM_F_DUMP, &(struct rtmsg){ .rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN }, sizeof(struct rtmsg), "read routes");
	if (netlink_query(n, collect, &rs, e) < 0) {
		free(rs.all);
		return -1;
	}
	*ret = rs.all;
	*ret_n = rs.n;
	return 0;
}
