/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/str.h"

/* Devices that are being removed; a number nobody else has a reason to choose. */
enum { DOOMED_GROUP = 0x62616e67 };

/* What a query collects. */
struct links {
	struct link *all;
	size_t n;
};
struct addresses {
	struct link_address *all;
	size_t n;
};

static void parse_slave(const struct netlink_attr *data, struct link *l)
{
	struct netlink_attr a;
	uint8_t on;

	if (netlink_attr_find(data->data, data->size, IFLA_BRPORT_ISOLATED, &a) && netlink_attr_u8(&a, &on))
		l->isolated = on;
}

static void parse_info(const struct netlink_attr *info, struct link *l)
{
	struct netlink_attr a;

	if (netlink_attr_find(info->data, info->size, IFLA_INFO_KIND, &a))
		netlink_attr_str(&a, l->kind, sizeof(l->kind));
	if (netlink_attr_find(info->data, info->size, IFLA_INFO_SLAVE_DATA, &a))
		parse_slave(&a, l);
}

bool link_parse(const struct netlink_msg *m, struct link *ret)
{
	struct ifinfomsg h;
	struct netlink_attr a;
	uint32_t v;

	if (m->type != RTM_NEWLINK || m->size < sizeof(h))
		return false;
	memcpy(&h, m->body, sizeof(h));
	*ret = (struct link){ .index = h.ifi_index, .up = h.ifi_flags & IFF_UP };
	const unsigned char *at = m->body + sizeof(h);
	size_t left = m->size - sizeof(h);
	while (netlink_attr_next(&at, &left, &a)) {
		if (a.type == IFLA_IFNAME)
			netlink_attr_str(&a, ret->name, sizeof(ret->name));
		else if (a.type == IFLA_IFALIAS)
			netlink_attr_str(&a, ret->alias, sizeof(ret->alias));
		else if (a.type == IFLA_MTU)
			(void)netlink_attr_u32(&a, &ret->mtu);
		else if (a.type == IFLA_MASTER && netlink_attr_u32(&a, &v))
			ret->master = (int)v;
		else if (a.type == IFLA_ADDRESS && a.size == sizeof(ret->mac))
			memcpy(ret->mac, a.data, sizeof(ret->mac));
		else if (a.type == IFLA_CARRIER && a.size == 1)
			ret->carrier = a.data[0];
		else if (a.type == IFLA_LINKINFO)
			parse_info(&a, ret);
	}
	return true;
}

bool link_parse_address(const struct netlink_msg *m, struct link_address *ret)
{
	struct ifaddrmsg h;
	struct netlink_attr a;
	uint32_t v;

	if (m->type != RTM_NEWADDR || m->size < sizeof(h))
		return false;
	memcpy(&h, m->body, sizeof(h));
	if (h.ifa_family != AF_INET || h.ifa_prefixlen > 32)
		return false;
	*ret = (struct link_address){ .index = (int)h.ifa_index, .net.prefix = h.ifa_prefixlen };
	if (netlink_attr_find(m->body + sizeof(h), m->size - sizeof(h), IFA_LABEL, &a))
		netlink_attr_str(&a, ret->label, sizeof(ret->label));
	if (!netlink_attr_find(m->body + sizeof(h), m->size - sizeof(h), IFA_LOCAL, &a) || !netlink_attr_u32(&a, &v))
		return false;
	ret->net.host = ntohl(v);
	return true;
}

static int collect_link(const struct netlink_msg *m, void *arg, struct err *e)
{
	struct links *ls = arg;
	struct link l;

	if (!link_parse(m, &l))
		return 0;
	ls->all = mem_grow(ls->all, ls->n, sizeof(l));
	ls->all[ls->n++] = l;
	return 0;
}

static int collect_address(const struct netlink_msg *m, void *arg, struct err *e)
{
	struct addresses *as = arg;
	struct link_address a;

	if (!link_parse_address(m, &a))
		return 0;
	as->all = mem_grow(as->all, as->n, sizeof(a));
	as->all[as->n++] = a;
	return 0;
}

static void ask_links(struct netlink *n, unsigned flags)
{
	netlink_begin(n, RTM_GETLINK, flags, &(struct ifinfomsg){ .ifi_family = AF_UNSPEC }, sizeof(struct ifinfomsg), "read devices");
	netlink_put_u32(n, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
}

int link_get(struct netlink *n, const char *name, struct link *ret, struct err *e)
{
	struct links ls = { 0 };

	ask_links(n, 0);
	netlink_put_str(n, IFLA_IFNAME, name);
	int rc = netlink_query(n, collect_link, &ls, e);
	if (rc == 0 && ls.n == 1)
		*ret = ls.all[0];
	free(ls.all);
	if ((rc < 0 && e->sys == ENODEV) || (rc == 0 && ls.n != 1)) {
		err_clear(e);
		return err_set(e, ERR_NOT_FOUND, "no device '%s'", name);
	}
	return rc < 0 ? err_wrap(e, "device '%s'", name) : 0;
}

int link_list(struct netlink *n, struct link **ret, size_t *ret_n, struct err *e)
{
	struct links ls = { 0 };

	ask_links(n, NLM_F_DUMP);
	if (netlink_query(n, collect_link, &ls, e) < 0) {
		free(ls.all);
		return -1;
	}
	*ret = ls.all;
	*ret_n = ls.n;
	return 0;
}

int link_addresses(struct netlink *n, struct link_address **ret, size_t *ret_n, struct err *e)
{
	struct addresses as = { 0 };

	netlink_begin(n, RTM_GETADDR, NLM_F_DUMP, &(struct ifaddrmsg){ .ifa_family = AF_INET }, sizeof(struct ifaddrmsg), "read addresses");
	if (netlink_query(n, collect_address, &as, e) < 0) {
		free(as.all);
		return -1;
	}
	*ret = as.all;
	*ret_n = as.n;
	return 0;
}

static void begin_link(struct netlink *n, unsigned type, unsigned flags, int index, unsigned up, const char *what)
{
	const struct ifinfomsg h = { .ifi_family = AF_UNSPEC, .ifi_index = index, .ifi_flags = up, .ifi_change = up };

	netlink_begin(n, type, flags, &h, sizeof(h), what);
}

static void add_alias(struct netlink *n, int index, const char *alias)
{
	begin_link(n, RTM_SETLINK, 0, index, 0, "mark it as ours");
	netlink_put(n, IFLA_IFALIAS, alias, strlen(alias));
}

/* No link-local address, so that the host says nothing in IPv6 to guests. A kernel without IPv6 refuses, which is as good. */
static void add_no_ipv6(struct netlink *n, int index)
{
	begin_link(n, RTM_SETLINK, 0, index, 0, "turn IPv6 addresses off");
	netlink_allow(n, EAFNOSUPPORT);
	netlink_allow(n, EOPNOTSUPP);
	size_t spec = netlink_nest(n, IFLA_AF_SPEC), inet6 = netlink_nest(n, AF_INET6);
	netlink_put_u8(n, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	netlink_nest_end(n, inet6);
	netlink_nest_end(n, spec);
}

static MUST int bridge_create(struct netlink *n, const char *name, const struct addr_net *net, uint32_t mtu, struct err *e)
{
	uint8_t mac[6];

	addr_bridge_mac(net, mac);
	begin_link(n, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, 0, "create it");
	netlink_put_str(n, IFLA_IFNAME, name);
	netlink_put(n, IFLA_ADDRESS, mac, sizeof(mac)); /* a bridge without one takes its ports', and changes with them */
	if (mtu)
		netlink_put_u32(n, IFLA_MTU, mtu);
	size_t info = netlink_nest(n, IFLA_LINKINFO);
	netlink_put_str(n, IFLA_INFO_KIND, "bridge");
	size_t data = netlink_nest(n, IFLA_INFO_DATA);
	netlink_put_u32(n, IFLA_BR_STP_STATE, 0);
	netlink_put_u8(n, IFLA_BR_MCAST_SNOOPING, 0);
	netlink_nest_end(n, data);
	netlink_nest_end(n, info);
	return netlink_run(n, e);
}

/* Is the device that is there ours to use? A bridge that carries our MAC lost its maker before the alias. */
static MUST int bridge_check(const struct link *l, const char *alias, struct err *e)
{
	if (!str_eq(l->kind, "bridge")) {
		err_set(e, ERR_EXISTS, "the name is taken by a device that is no bridge");
		return err_hint(e, "choose another bridge_name, or remove '%s'", l->name);
	}
	size_t n = strlen(alias);
	if (l->alias[0] && (strncmp(l->alias, alias, n) != 0 || (l->alias[n] && l->alias[n] != ' '))) {
		err_set(e, ERR_EXISTS, "it belongs to '%s'", l->alias);
		return err_hint(e, "choose another bridge_name and bridge_ip for this owner");
	}
	return 0;
}

/* *ret_there: the bridge has its address already. index -1: the bridge is still to be made. */
static MUST int bridge_check_addresses(struct netlink *n, int index, const struct addr_net *net, bool *ret_there, struct err *e)
{
	AUTO_MEM struct link_address *all = NULL;
	char ours[ADDR_NET_TEXT], theirs[ADDR_NET_TEXT];
	bool there = false;
	size_t count;

	if (link_addresses(n, &all, &count, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct link_address *a = &all[i];

		if (a->index == index && a->net.host == net->host && a->net.prefix == net->prefix) {
			there = true;
		} else if (a->index == index) {
			err_set(e, ERR_EXISTS, "it carries the address %s, not %s", addr_net_text(&a->net, theirs), addr_net_text(net, ours));
			return err_hint(e, "remove the bridge while no VM uses it, or configure bridge_ip to match");
		} else if (addr_overlap(&a->net, net)) {
			err_set(e, ERR_EXISTS, "its network %s is in use by '%s' (%s)", addr_net_text(net, ours), a->label,
				addr_net_text(&a->net, theirs));
			return err_hint(e, "configure another bridge_ip");
		}
	}
	*ret_there = there;
	return 0;
}

static MUST int bridge_complete(struct netlink *n, const struct link *l, const struct addr_net *net, bool has_address, const char *alias, struct err *e)
{
	uint32_t address = htonl(net->host);
	uint8_t mac[6];

	addr_bridge_mac(net, mac);
	if (!l->alias[0] && memcmp(mac, l->mac, sizeof(mac)) == 0)
		add_alias(n, l->index, alias);
	if (!l->up)
		add_no_ipv6(n, l->index);
	if (!has_address) {
		const struct ifaddrmsg h = { .ifa_family = AF_INET, .ifa_prefixlen = (uint8_t)net->prefix, .ifa_index = (uint32_t)l->index };

		netlink_begin(n, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &h, sizeof(h), "set its address");
		netlink_put_u32(n, IFA_LOCAL, address);
		netlink_put_u32(n, IFA_ADDRESS, address);
	}
	if (!l->up)
		begin_link(n, RTM_NEWLINK, 0, l->index, IFF_UP, "bring it up");
	return netlink_run(n, e);
}

static MUST int bridge_ensure(struct netlink *n, const char *name, const struct addr_net *net, const char *alias, uint32_t mtu, struct err *e)
{
	struct link l = { .index = -1 };
	bool has_address = false;

	if (link_get(n, name, &l, e) < 0) {
		if (e->code != ERR_NOT_FOUND)
			return -1;
		err_clear(e);
	}
	if (l.index >= 0 && bridge_check(&l, alias, e) < 0)
		return -1;
	if (bridge_check_addresses(n, l.index, net, &has_address, e) < 0)
		return -1;
	if (l.index < 0 && (bridge_create(n, name, net, mtu, e) < 0 || link_get(n, name, &l, e) < 0))
		return -1;
	return bridge_complete(n, &l, net, has_address, alias, e);
}

int link_bridge_ensure(struct netlink *n, const char *name, const struct addr_net *net, const char *alias, uint32_t mtu, struct err *e)
{
	if (!addr_dev_name_ok(name))
		return err_set(e, ERR_INVALID, "'%.40s' cannot be a device's name", name);
	return bridge_ensure(n, name, net, alias, mtu, e) < 0 ? err_wrap(e, "bridge '%s'", name) : 0;
}

static MUST int tun_open(int *ret_fd, struct err *e)
{
	AUTO_FD int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0) {
		int sys = errno;

		if (sys != ENOENT && sys != ENXIO && sys != ENODEV)
			return err_sys(e, sys, "open '/dev/net/tun'");
		err_set(e, ERR_UNAVAILABLE, "open '/dev/net/tun': %s", strerror(sys));
		return err_hint(e, "load the kernel module tun");
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* *ret_busy: another process has it open. */
static MUST int tap_attach(int fd, const struct link_tap *tap, bool *ret_busy, struct err *e)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

	memcpy(r.ifr_name, tap->name, strlen(tap->name));
	*ret_busy = false;
	if (ioctl(fd, TUNSETIFF, &r) < 0) {
		if (errno != EBUSY)
			return err_sys(e, errno, "make it");
		*ret_busy = true;
		return 0;
	}
	if (tap->uid != UINT32_MAX && ioctl(fd, TUNSETOWNER, (unsigned long)tap->uid) < 0)
		return err_sys(e, errno, "give it to uid %u", tap->uid);
	if (tap->gid != UINT32_MAX && ioctl(fd, TUNSETGROUP, (unsigned long)tap->gid) < 0)
		return err_sys(e, errno, "give it to gid %u", tap->gid);
	return 0;
}

static MUST int tap_open(struct netlink *n, const struct link_tap *tap, int *ret_fd, struct err *e)
{
	struct link l = { 0 };
	AUTO_FD int fd = -1;
	bool busy = false;

	if (link_get(n, tap->name, &l, e) < 0) {
		if (e->code != ERR_NOT_FOUND)
			return -1;
		err_clear(e);
	} else if (!str_eq(l.kind, "tun") || !str_eq(l.alias, tap->alias)) {
		return err_set(e, ERR_EXISTS, "the name is taken by a device of '%s'", l.alias[0] ? l.alias : "somebody else");
	}
	if (tun_open(&fd, e) < 0 || tap_attach(fd, tap, &busy, e) < 0)
		return -1;
	if (l.index == 0) {
		if (link_get(n, tap->name, &l, e) < 0)
			return -1;
		add_alias(n, l.index, tap->alias);
		add_no_ipv6(n, l.index);
		if (tap->mtu) {
			begin_link(n, RTM_SETLINK, 0, l.index, 0, "set its MTU");
			netlink_put_u32(n, IFLA_MTU, tap->mtu);
		}
		if (netlink_run(n, e) < 0)
			return -1;
	}
	*ret_fd = busy ? -1 : TAKE_FD(fd);
	return 0;
}

int link_tap_open(struct netlink *n, const struct link_tap *tap, int *ret_fd, struct err *e)
{
	if (!addr_dev_name_ok(tap->name))
		return err_set(e, ERR_INVALID, "'%.40s' cannot be a device's name", tap->name);
	return tap_open(n, tap, ret_fd, e) < 0 ? err_wrap(e, "tap '%s'", tap->name) : 0;
}

int link_tap_probe(struct netlink *n, struct err *e)
{
	AUTO_FD int fd = -1;

	/* Changes nothing, but is refused without CAP_NET_ADMIN over this namespace. */
	begin_link(n, RTM_SETLINK, 0, 1, 0, "change devices");
	return netlink_run(n, e) < 0 ? -1 : tun_open(&fd, e);
}

int link_tap_keep(int fd, struct err *e)
{
	return ioctl(fd, TUNSETPERSIST, 1ul) < 0 ? err_sys(e, errno, "keep the tap") : 0;
}

int link_join(struct netlink *n, const char *name, const char *bridge, struct err *e)
{
	struct link port, br;

	if (link_get(n, name, &port, e) < 0 || link_get(n, bridge, &br, e) < 0)
		return -1;
	if (port.master == br.index && port.isolated && port.up)
		return 0;
	if (port.master != br.index) {
		begin_link(n, RTM_SETLINK, 0, port.index, 0, "put it into the bridge");
		netlink_put_u32(n, IFLA_MASTER, (uint32_t)br.index);
	}
	begin_link(n, RTM_NEWLINK, 0, port.index, 0, "isolate it");
	size_t info = netlink_nest(n, IFLA_LINKINFO);
	netlink_put_str(n, IFLA_INFO_SLAVE_KIND, "bridge");
	size_t data = netlink_nest(n, IFLA_INFO_SLAVE_DATA);
	netlink_put_u8(n, IFLA_BRPORT_ISOLATED, 1);
	netlink_nest_end(n, data);
	netlink_nest_end(n, info);
	if (netlink_run(n, e) < 0)
		return err_wrap(e, "device '%s'", name);
	begin_link(n, RTM_NEWLINK, 0, port.index, IFF_UP, "bring it up");
	return netlink_run(n, e) < 0 ? err_wrap(e, "device '%s'", name) : 0;
}

int link_forget_neighbour(struct netlink *n, const char *name, uint32_t address, struct err *e)
{
	struct ndmsg body = { .ndm_family = AF_INET };
	uint32_t be = htonl(address);
	struct link l;

	if (link_get(n, name, &l, e) < 0)
		return -1;
	body.ndm_ifindex = l.index;
	netlink_begin(n, RTM_DELNEIGH, 0, &body, sizeof(body), "forget a neighbour");
	netlink_allow(n, ENOENT);
	netlink_put(n, NDA_DST, &be, sizeof(be));
	return netlink_run(n, e) < 0 ? err_wrap(e, "device '%s'", name) : 0;
}

int link_rename(struct netlink *n, const char *from, const char *to, struct err *e)
{
	struct link l;

	if (!addr_dev_name_ok(to))
		return err_set(e, ERR_INVALID, "'%.40s' cannot be a device's name", to);
	if (link_get(n, from, &l, e) < 0) {
		struct err ignored = { 0 }; /* the missing old name is the error to tell */

		if (e->code != ERR_NOT_FOUND || link_get(n, to, &l, &ignored) < 0)
			return -1;
		err_clear(e);
		return 0;
	}
	begin_link(n, RTM_SETLINK, 0, l.index, 0, "rename it");
	netlink_put_str(n, IFLA_IFNAME, to);
	return netlink_run(n, e) < 0 ? err_wrap(e, "device '%s'", from) : 0;
}

int link_set_alias(struct netlink *n, int index, const char *alias, struct err *e)
{
	add_alias(n, index, alias);
	return netlink_run(n, e);
}

int link_delete(struct netlink *n, const int *indexes, size_t count, struct err *e)
{
	if (count == 0)
		return 0;
	for (size_t i = 0; i < count; i++) {
		begin_link(n, RTM_SETLINK, 0, indexes[i], 0, "mark a device for removal");
		netlink_allow(n, ENODEV);
		netlink_put_u32(n, IFLA_GROUP, DOOMED_GROUP);
	}
	begin_link(n, RTM_DELLINK, 0, 0, 0, "remove devices");
	netlink_put_u32(n, IFLA_GROUP, DOOMED_GROUP);
	netlink_allow(n, ENODEV);
	return netlink_run(n, e);
}
