/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/link_stats.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

bool link_parse_counters(const struct netlink_msg *m, struct link_counters *ret)
{
	struct rtnl_link_stats64 s;
	struct netlink_attr a;

	/* Older kernels end the struct earlier; the members wanted are its first. */
	if (m->type != RTM_NEWLINK || m->size < sizeof(struct ifinfomsg) ||
	    !netlink_attr_find(m->body + sizeof(struct ifinfomsg), m->size - sizeof(struct ifinfomsg), IFLA_STATS64, &a) ||
	    a.size < offsetof(struct rtnl_link_stats64, rx_errors))
		return false;
	memset(&s, 0, sizeof(s));
	memcpy(&s, a.data, a.size < sizeof(s) ? a.size : sizeof(s));
	*ret = (struct link_counters){ .received_bytes = s.rx_bytes, .sent_bytes = s.tx_bytes };
	return true;
}

static int take(const struct netlink_msg *m, void *arg, struct err *e)
{
	return link_parse_counters(m, arg) ? 1 : 0;
}

int link_counters(struct netlink *n, const char *name, struct link_counters *ret, struct err *e)
{
	*ret = (struct link_counters){ 0 };
	netlink_begin(n, RTM_GETLINK, 0, &(struct ifinfomsg){ .ifi_family = AF_UNSPEC }, sizeof(struct ifinfomsg), "read counters");
	netlink_put_str(n, IFLA_IFNAME, name);
	if (netlink_query(n, take, ret, e) == 0)
		return 0;
	if (e->sys != ENODEV)
		return err_wrap(e, "device '%s'", name);
	err_clear(e);
	return err_set(e, ERR_NOT_FOUND, "no device '%s'", name);
}
