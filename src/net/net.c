/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/net.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/firewall_legacy.h"
#include "net/link.h"
#include "net/nft.h"
#include "net/route.h"

#define FORWARD_FILE "/proc/sys/net/ipv4/ip_forward"
#define FORWARD_MARK " forward" /* in the bridge's alias: forwarding was off before us */
#define DEFAULT_BRIDGE "br-fc"
#define ALIAS "banger "
#define DEVICE_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
#define OWNER_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:_/-"

struct net {
	struct netlink *route, *filter;
	int legacy_fd;        /* net/firewall_legacy */
	char *bridge, *owner; /* owner: "banger OWNER", the beginning of every alias */
	struct addr_net net;
	uint32_t mtu;
	struct nft_base base;
};

/* One table for each bridge, so that two owners' rules never meet: "banger" for br-fc, "banger-x" for br-fc-x. */
static void make_base(struct net *n)
{
	n->base = (struct nft_base){ .bridge = n->bridge, .net = n->net };
	snprintf(n->base.table, sizeof(n->base.table), "banger%s", n->bridge + strlen(DEFAULT_BRIDGE));
}

/* A bridge of ours is never taken for another's device, nor another's for ours. */
static MUST int check_bridge(const char *name, struct err *e)
{
	size_t n = strlen(DEFAULT_BRIDGE);

	if (addr_dev_name_ok(name) && strncmp(name, DEFAULT_BRIDGE, n) == 0 && (!name[n] || (name[n] == '-' && name[n + 1])) &&
	    !name[strspn(name, DEVICE_CHARACTERS)])
		return 0;
	err_set(e, ERR_INVALID, "'%.40s' cannot be the bridge's name", name);
	return err_hint(e, "it is " DEFAULT_BRIDGE ", or " DEFAULT_BRIDGE "- and letters, digits, '-' or '_', 15 characters at most");
}

int net_open(const struct net_conf *conf, struct net **ret, struct err *e)
{
	AUTO(net_free) struct net *n = NULL;
	size_t length = strlen(conf->owner), cut = length > NET_OWNER_MAX ? length - NET_OWNER_MAX : 0;

	if (check_bridge(conf->bridge, e) < 0)
		return -1;
	if (length == 0)
		return err_set(e, ERR_INVALID, "a network needs an owner");
	n = NEW(struct net);
	n->bridge = mem_strdup(conf->bridge);
	n->owner = mem_printf(ALIAS "%s", conf->owner + cut);
	for (char *p = n->owner + strlen(ALIAS); *p; p++)
		if (!strchr(OWNER_CHARACTERS, *p))
			*p = '_';
	n->legacy_fd = -1;
	n->net = conf->net;
	n->mtu = conf->mtu;
	make_base(n);
	if (netlink_open(NETLINK_ROUTE, &n->route, e) < 0)
		return -1;
	if (netlink_open(NETLINK_NETFILTER, &n->filter, e) < 0) {
		if (e->sys != EPROTONOSUPPORT)
			return -1;
		err_clear(e);
		err_set(e, ERR_UNAVAILABLE, "this kernel has no nftables");
		return err_hint(e, "use a kernel with nftables, or --net none");
	}
	n->legacy_fd = firewall_legacy_open();
	*ret = TAKE_PTR(n);
	return 0;
}

void net_free(struct net *n)
{
	if (!n)
		return;
	netlink_free(n->route);
	netlink_free(n->filter);
	auto_fd_close(&n->legacy_fd);
	free(n->bridge);
	free(n->owner);
	free(n);
}

/* Reads a tap's alias, "banger OWNER ID ADDRESS"; false when it is not this owner's. */
static bool parse_alias(const char *alias, const char *owner, struct net_entry *ret)
{
	struct err ignored = { 0 }; /* an alias that is not ours is no error */
	size_t n = strlen(owner);

	if (strncmp(alias, owner, n) != 0 || alias[n] != ' ')
		return false;
	alias += n + 1;
	n = strcspn(alias, " ");
	if (n == 0 || n > ADDR_ID_MAX || alias[n] != ' ')
		return false;
	snprintf(ret->id, sizeof(ret->id), "%.*s", (int)n, alias);
	return addr_parse(alias + n + 1, &ret->address, &ignored) == 0;
}

/* link_get, but a device that is not there gives index 0. */
static MUST int find(struct net *n, const char *name, struct link *ret, struct err *e)
{
	*ret = (struct link){ 0 };
	if (link_get(n->route, name, ret, e) == 0)
		return 0;
	if (e->code != ERR_NOT_FOUND)
		return -1;
	err_clear(e);
	return 0;
}

static MUST int forwarding_write(char value, struct err *e)
{
	AUTO_FD int fd = open(FORWARD_FILE, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, &value, 1) != 1)
		return err_sys(e, errno, "write '" FORWARD_FILE "'");
	return 0;
}

/* Turns forwarding on, and notes on our bridge that it was off. */
static MUST int forwarding_ensure(struct net *n, struct err *e)
{
	AUTO_FD int fd = open(FORWARD_FILE, O_RDONLY | O_CLOEXEC);
	struct link l;
	char was;

	if (fd < 0 || read(fd, &was, 1) != 1)
		return err_sys(e, errno, "read '" FORWARD_FILE "'");
	if (was != '0')
		return 0;
	if (link_get(n->route, n->bridge, &l, e) < 0)
		return -1;
	if (str_eq(l.alias, n->owner)) {
		AUTO_MEM char *alias = mem_printf("%s%s", n->owner, FORWARD_MARK);

		if (link_set_alias(n->route, l.index, alias, e) < 0)
			return err_wrap(e, "bridge '%s'", n->bridge);
	}
	return forwarding_write('1', e);
}

/* The bridge is this owner's. */
static bool is_ours(const struct net *n, const struct link *l)
{
	size_t length = strlen(n->owner);

	return strncmp(l->alias, n->owner, length) == 0 && (!l->alias[length] || str_eq(l->alias + length, FORWARD_MARK));
}

/* What is to be removed, and what else there is. */
struct removal {
	struct link *all;
	size_t n_all;
	int *doomed;
	size_t n_doomed;
	const struct link *bridge; /* of that name, NULL for none */
};

static void removal_done(struct removal *r)
{
	free(r->all);
	free(r->doomed);
}

static MUST int removal_begin(struct net *n, struct removal *ret, struct err *e)
{
	if (link_list(n->route, &ret->all, &ret->n_all, e) < 0)
		return -1;
	ret->doomed = mem_array(ret->n_all, sizeof(*ret->doomed));
	for (size_t i = 0; i < ret->n_all; i++)
		if (str_eq(ret->all[i].name, n->bridge))
			ret->bridge = &ret->all[i];
	return 0;
}

static bool is_doomed(const struct removal *r, const struct link *l)
{
	for (size_t i = 0; i < r->n_doomed; i++)
		if (r->doomed[i] == l->index)
			return true;
	return false;
}

/* No device but the doomed ones is in the bridge. */
static bool is_idle(const struct removal *r)
{
	for (size_t i = 0; i < r->n_all; i++)
		if (r->all[i].master == r->bridge->index && !is_doomed(r, &r->all[i]))
			return false;
	return true;
}

/* Dooms the bridge too. Forwarding goes off again if a banger had turned it on, unless there are others who seem to route by now. */
static MUST int removal_add_bridge(struct removal *r, struct err *e)
{
	bool forward = str_ends(r->bridge->alias, FORWARD_MARK);

	r->doomed[r->n_doomed++] = r->bridge->index;
	for (size_t i = 0; i < r->n_all; i++)
		forward &= &r->all[i] == r->bridge || (!str_eq(r->all[i].kind, "bridge") && !str_eq(r->all[i].kind, "wireguard"));
	return forward ? forwarding_write('0', e) : 0;
}

/* A bridge that some banger made, for another owner or another address, and that has no guest. */
static MUST int clear_idle_bridge(struct net *n, struct err *e)
{
	AUTO_DONE(removal_done) struct removal r = { 0 };
	uint8_t mac[6];
	struct link l;

	addr_bridge_mac(&n->net, mac);
	if (find(n, n->bridge, &l, e) < 0)
		return -1;
	if (!l.index || !str_eq(l.kind, "bridge") || !str_starts(l.alias, ALIAS) || (is_ours(n, &l) && memcmp(mac, l.mac, sizeof(mac)) == 0))
		return 0;
	if (removal_begin(n, &r, e) < 0)
		return -1;
	if (!r.bridge || !is_idle(&r))
		return 0;
	return removal_add_bridge(&r, e) < 0 ? -1 : link_delete(n->route, r.doomed, r.n_doomed, e);
}

/* index 0: no tap is there. The bridge goes with its last guest. */
static MUST int remove_guest(struct net *n, int index, const char *name, uint32_t address, struct err *e)
{
	AUTO_DONE(removal_done) struct removal r = { 0 };

	if (removal_begin(n, &r, e) < 0)
		return -1;
	if (index)
		r.doomed[r.n_doomed++] = index;
	if (r.bridge && is_ours(n, r.bridge) && is_idle(&r) && removal_add_bridge(&r, e) < 0)
		return -1;
	if (link_delete(n->route, r.doomed, r.n_doomed, e) < 0)
		return err_wrap(e, "tap '%s'", name);
	return nft_detach(n->filter, &n->base, name, address, e);
}

/* Clears away a tap of the same VM with another address. *ret_there: its own tap is there. */
static MUST int look_for_tap(struct net *n, const struct net_vm *vm, const char *name, bool *ret_there, struct err *e)
{
	struct net_entry was;
	struct link l;

	if (find(n, name, &l, e) < 0)
		return -1;
	*ret_there = l.index;
	if (!l.index || !parse_alias(l.alias, n->owner, &was) || !str_eq(was.id, vm->id) || was.address == vm->address)
		return 0;
	if (l.carrier)
		return err_set(e, ERR_BUSY, "tap '%s' is in use with another address", name);
	*ret_there = false;
	return remove_guest(n, l.index, name, was.address, e);
}

static MUST int attach(struct net *n, const struct net_vm *vm, struct nft_guest *guest, int *ret_tap_fd, struct err *e)
{
	char text[ADDR_TEXT];
	AUTO_MEM char *alias = mem_printf("%s %s %s", n->owner, vm->id, addr_text(vm->address, text));
	const struct link_tap tap = { .name = guest->tap, .alias = alias, .uid = vm->uid, .gid = vm->gid, .mtu = n->mtu };
	AUTO_FD int fd = -1;

	if (link_tap_open(n->route, &tap, &fd, e) < 0)
		return -1;
	if (nft_attach(n->filter, &n->base, guest, NFT_GUARD_AUTO, e) < 0)
		return -1;
	if (vm->nat && forwarding_ensure(n, e) < 0)
		return -1;
	/* The address may have been another guest's a moment ago, and the host would go on calling that one for seconds. */
	if (link_join(n->route, guest->tap, n->bridge, e) < 0 || link_forget_neighbour(n->route, n->bridge, vm->address, e) < 0)
		return -1;
	if (fd >= 0 && link_tap_keep(fd, e) < 0)
		return err_wrap(e, "tap '%s'", guest->tap);
	if (ret_tap_fd)
		*ret_tap_fd = TAKE_FD(fd);
	return 0;
}

int net_attach(struct net *n, const struct net_vm *vm, int *ret_tap_fd, struct err *e)
{
	struct nft_guest guest = { .address = vm->address, .nat = vm->nat };
	struct err ignored = { 0 }; /* the first failure is the one to tell */
	char text[ADDR_TEXT];
	bool there = false;

	if (!addr_is_guest(&n->net, vm->address))
		return err_set(e, ERR_INVALID, "no guest of '%s' can have the address %s", n->bridge, addr_text(vm->address, text));
	if (addr_mac(vm->id, guest.mac, e) < 0 || addr_tap_name(vm->id, guest.tap, e) < 0)
		return -1;
	if (look_for_tap(n, vm, guest.tap, &there, e) == 0 && clear_idle_bridge(n, e) == 0 &&
	    link_bridge_ensure(n->route, n->bridge, &n->net, n->owner, n->mtu, e) == 0) {
		if (attach(n, vm, &guest, ret_tap_fd, e) == 0)
			return 0;
		/* Until it is kept, the tap is gone with its descriptor; its rules are not. */
		if (!there && net_detach(n, vm->id, vm->address, &ignored) < 0)
			return -1;
	}
	if (e->code == ERR_DENIED)
		err_hint(e, "making a network needs root or CAP_NET_ADMIN; --net none works without");
	return -1;
}

int net_detach(struct net *n, const char *vm_id, uint32_t address, struct err *e)
{
	struct net_entry entry = { 0 };
	char tap[ADDR_DEV_NAME];
	struct link l;

	if (addr_tap_name(vm_id, tap, e) < 0 || find(n, tap, &l, e) < 0)
		return -1;
	if (l.alias[0] && (!parse_alias(l.alias, n->owner, &entry) || !str_eq(entry.id, vm_id)))
		return 0;
	return remove_guest(n, l.index, tap, address ? address : entry.address, e);
}

static bool has_chain(const struct nft_state *rules, const char *tap)
{
	for (size_t i = 0; i < rules->n_taps; i++)
		if (str_eq(rules->taps[i], tap))
			return true;
	return false;
}

int net_firewalls(struct net *n, struct firewall ret[static FIREWALLS_MAX], size_t *ret_n, struct err *e)
{
	if (firewall_list(n->filter, n->bridge, ret, ret_n, e) < 0)
		return -1;
	return firewall_legacy_list(n->legacy_fd, n->bridge, ret, ret_n, e);
}

int net_list(struct net *n, struct net_entry **ret, size_t *ret_n, struct err *e)
{
	AUTO_MEM struct link *links = NULL;
	AUTO_DONE(nft_state_done) struct nft_state rules = { 0 };
	size_t n_links, count = 0;
	int bridge = 0;

	if (link_list(n->route, &links, &n_links, e) < 0 || nft_read(n->filter, &n->base, &rules, e) < 0)
		return -1;
	struct net_entry *all = mem_array(n_links, sizeof(*all));
	for (size_t i = 0; i < n_links; i++)
		if (str_eq(links[i].name, n->bridge))
			bridge = links[i].index;
	for (size_t i = 0; i < n_links; i++) {
		struct net_entry *x = &all[count];

		if (!str_eq(links[i].kind, "tun") || !parse_alias(links[i].alias, n->owner, x))
			continue;
		memcpy(x->tap, links[i].name, sizeof(x->tap));
		x->nat = nft_state_has_nat(&rules, x->address);
		x->attached = bridge && links[i].master == bridge && links[i].isolated && links[i].up;
		x->guarded = rules.tables[0] && has_chain(&rules, x->tap);
		x->in_use = links[i].carrier;
		count++;
	}
	*ret = all;
	*ret_n = count;
	return 0;
}

int net_remove_all(struct net *n, struct err *e)
{
	AUTO_DONE(removal_done) struct removal r = { 0 };
	struct net_entry entry;

	if (removal_begin(n, &r, e) < 0)
		return -1;
	for (size_t i = 0; i < r.n_all; i++)
		if (str_eq(r.all[i].kind, "tun") && parse_alias(r.all[i].alias, n->owner, &entry))
			r.doomed[r.n_doomed++] = r.all[i].index;
	bool foreign = r.bridge && str_starts(r.bridge->alias, ALIAS) && !is_ours(n, r.bridge); /* so are the rules another's */
	if (r.bridge && is_ours(n, r.bridge) && removal_add_bridge(&r, e) < 0)
		return -1;
	if (link_delete(n->route, r.doomed, r.n_doomed, e) < 0)
		return -1;
	return foreign ? 0 : nft_remove(n->filter, &n->base, e);
}

int net_probe(struct net *n, struct err *e)
{
	AUTO_DONE(nft_state_done) struct nft_state rules = { 0 };

	if (link_tap_probe(n->route, e) < 0 || nft_read(n->filter, &n->base, &rules, e) < 0)
		return err_hint(e, "making a network needs root or CAP_NET_ADMIN, /dev/net/tun and nftables; --net none works without");
	return 0;
}

/* A route into the network, or to all of it, that another device has; a wider one gives way to ours. */
static MUST int check_routes(struct net *n, int bridge, struct err *e)
{
	AUTO_MEM struct route *routes = NULL;
	char ours[ADDR_NET_TEXT], theirs[ADDR_TEXT];
	size_t count;

	if (route_list(n->route, &routes, &count, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (routes[i].index != bridge && routes[i].prefix >= n->net.prefix && ((routes[i].to ^ n->net.host) & addr_mask(&n->net)) == 0)
			return err_set(e, ERR_EXISTS, "the subnet %s is in use: there is a route to %s/%u", addr_net_text(&n->net, ours),
				addr_text(routes[i].to, theirs), routes[i].prefix);
	return 0;
}

int net_check_free(struct net *n, struct err *e)
{
	AUTO_MEM struct link_address *addresses = NULL;
	char text[ADDR_NET_TEXT];
	size_t count;
	struct link l;

	if (find(n, n->bridge, &l, e) < 0)
		return -1;
	if (l.index && !is_ours(n, &l))
		return err_set(e, ERR_EXISTS, "a device '%s' is there already, and it is %s", n->bridge,
			str_starts(l.alias, ALIAS) ? "another banger's" : "not banger's");
	if (link_addresses(n->route, &addresses, &count, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (addresses[i].index != l.index && addr_overlap(&addresses[i].net, &n->net))
			return err_set(e, ERR_EXISTS, "the subnet %s is in use by device '%s'", addr_net_text(&n->net, text), addresses[i].label);
	return check_routes(n, l.index, e);
}
