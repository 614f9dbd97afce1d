/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/netconf.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/files.h"
#include "base/auto.h"
#include "base/str.h"
#include "net/addr.h"
#include "net/link.h"
#include "net/netlink.h"

static void put_up(struct netlink *n, int index)
{
	struct ifinfomsg up = { .ifi_family = AF_UNSPEC, .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };

	netlink_begin(n, RTM_NEWLINK, 0, &up, sizeof(up), "bring up the network device");
}

int netconf_loopback(struct err *e)
{
	AUTO(netlink_free) struct netlink *n = NULL;

	if (netlink_open(NETLINK_ROUTE, &n, e) < 0)
		return -1;
	put_up(n, 1); /* the loopback device of every network namespace */
	return netlink_run(n, e);
}

/* The device that the host means. */
static MUST int find_device(struct netlink *n, const char *mac, struct link *ret, struct err *e)
{
	AUTO_MEM struct link *links = NULL;
	size_t count = 0;

	if (link_list(n, &links, &count, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		char text[ADDR_MAC_TEXT];
		if (mac ? strcasecmp(addr_mac_text(links[i].mac, text), mac) == 0 : strcmp(links[i].name, "eth0") == 0) {
			*ret = links[i];
			return 0;
		}
	}
	return err_set(e, ERR_NOT_FOUND, "no network device '%s'", mac ? mac : "eth0");
}

static void put_address(struct netlink *n, int index, const struct addr_net *net)
{
	struct ifaddrmsg a = { .ifa_family = AF_INET, .ifa_prefixlen = (uint8_t)net->prefix, .ifa_index = (uint32_t)index };

	netlink_begin(n, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &a, sizeof(a), "set the address");
	netlink_put_be32(n, IFA_LOCAL, net->host);
	netlink_put_be32(n, IFA_ADDRESS, net->host);
	netlink_put_be32(n, IFA_BROADCAST, net->host | ~addr_mask(net));
}

static void put_gateway(struct netlink *n, int index, uint32_t gateway)
{
	struct rtmsg r = { .rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC,
		.rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_UNICAST };

	netlink_begin(n, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &r, sizeof(r), "set the default route");
	netlink_put_be32(n, RTA_GATEWAY, gateway);
	netlink_put_u32(n, RTA_OIF, (uint32_t)index);
}

int netconf_apply(const struct guest_config *config, struct err *e)
{
	AUTO(netlink_free) struct netlink *n = NULL;
	struct link link = { 0 };
	struct addr_net net = { 0 };
	uint32_t gateway = 0;

	if (!config->address)
		return 0;
	if (addr_parse_net(config->address, &net, e) < 0 || netlink_open(NETLINK_ROUTE, &n, e) < 0 ||
	    find_device(n, config->mac, &link, e) < 0)
		return -1;
	put_up(n, link.index);
	put_address(n, link.index, &net);
	if (netlink_run(n, e) < 0)
		return -1;
	if (!config->gateway)
		return 0;
	if (addr_parse(config->gateway, &gateway, e) < 0)
		return -1;
	put_gateway(n, link.index, gateway);
	return netlink_run(n, e);
}

static void add_each(struct str *out, const char *key, char *const *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		str_addf(out, "%s%s\n", key, values[i]);
}

static MUST int networkd(const struct guest_config *config, struct err *e)
{
	AUTO_DONE(str_done) struct str s = STR_INIT;

	/* KeepConfiguration: networkd finds the device configured and must not take it down to do it again */
	str_addf(&s, "[Match]\n%s%s\n[Network]\nAddress=%s\n", config->mac ? "MACAddress=" : "Name=eth0", config->mac ? config->mac : "",
		 config->address);
	if (config->gateway)
		str_addf(&s, "Gateway=%s\n", config->gateway);
	add_each(&s, "DNS=", config->dns, config->n_dns);
	str_add(&s, "LinkLocalAddressing=no\nIPv6AcceptRA=no\nKeepConfiguration=yes\n");
	if (files_make_dirs("/run/systemd/network", e) < 0)
		return -1;
	return files_write("/run/systemd/network/05-banger.network", s.data, 0644, e);
}

static MUST int network_manager(struct err *e)
{
	if (files_make_dirs("/run/NetworkManager/conf.d", e) < 0)
		return -1;
	return files_write("/run/NetworkManager/conf.d/05-banger.conf", "[keyfile]\nunmanaged-devices+=interface-name:eth0\n", 0644, e);
}

static MUST int resolv_conf(const struct guest_config *config, struct err *e)
{
	AUTO_DONE(str_done) struct str s = STR_INIT;
	struct stat st;

	if (!config->n_dns || (lstat("/etc/resolv.conf", &st) == 0 && !S_ISREG(st.st_mode)))
		return 0;
	add_each(&s, "nameserver ", config->dns, config->n_dns);
	return files_write("/etc/resolv.conf", s.data, 0644, e);
}

int netconf_files(const struct guest_config *config, struct err *e)
{
	if (!config->address)
		return 0;
	if (networkd(config, e) < 0 || network_manager(e) < 0)
		return -1;
	return resolv_conf(config, e);
}
