/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is looked at without being changed: routes, firewalls of others, what is missing of a guest's network. Made with ip and nft. */
#include "netns.h"

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netlink.h>

#include "net/firewall_legacy.h"
#include "net/route.h"

#define ID "1a2b3c4d-5e6f-4000-8000-000000000000"

static void routes(void **state)
{
	NEEDS_NETNS();
	AUTO(netlink_free) struct netlink *n = NULL;
	AUTO_MEM struct route *all = NULL;
	struct err e = { 0 };
	size_t count, seen = 0;

	assert_shell("ip link add lan0 type bridge && ip addr add 10.1.2.3/24 dev lan0 && ip link set lan0 up");
	assert_shell("ip route add 172.30.0.0/16 dev lan0 && ip route add blackhole 172.29.0.0/16 && ip route add default via 10.1.2.1 && "
		     "ip route add 172.28.0.0/16 dev lan0 table 77");
	assert_ok(netlink_open(NETLINK_ROUTE, &n, &e));
	assert_ok(route_list(n, &all, &count, &e));
	for (size_t i = 0; i < count; i++) {
		seen |= all[i].prefix == 0 && all[i].to == 0 && all[i].index > 1 ? 1 : 0;
		seen |= all[i].prefix == 16 && all[i].to == 0xac1e0000 && all[i].index > 1 ? 2 : 0;
		seen |= all[i].prefix == 24 && all[i].to == 0x0a010200 ? 4 : 0;
		seen |= all[i].prefix == 16 && all[i].to == 0xac1d0000 ? 8 : 0;
		assert_int_not_equal(all[i].to, 0xac1c0000); /* not of table main */
	}
	assert_int_equal(seen, 15);
	assert_shell("ip link delete lan0 && ip route flush table main");
}

static void subnet_in_use(void **state)
{
	NEEDS_NETNS();
	AUTO(net_free) struct net *n = netns_net(NETNS_OWNER);
	struct net_vm vm = netns_vm(ID, 2, false);
	AUTO_FD int fd = -1;
	struct err e = { 0 };

	assert_shell("ip link add lan0 type bridge && ip addr add 10.1.2.3/24 dev lan0 && ip link set lan0 up && ip route add 172.30.0.0/16 dev lan0");
	assert_ok(net_check_free(n, &e));
	assert_ok(net_attach(n, &vm, &fd, &e)); /* our own routes are no conflict */
	assert_ok(net_check_free(n, &e));
	assert_shell("ip route add 172.30.5.64/26 dev lan0");
	assert_int_equal(net_check_free(n, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_string_equal(e.msg, "the subnet 172.30.5.1/24 is in use: there is a route to 172.30.5.64/26");
	err_clear(&e);
	assert_ok(net_remove_all(n, &e));
	assert_shell("ip link delete lan0");
}

static void firewalls(void **state)
{
	NEEDS_NETNS();
	AUTO(netlink_free) struct netlink *n = NULL;
	struct firewall found[FIREWALLS_MAX];
	struct err e = { 0 };
	size_t count;

	assert_ok(netlink_open(NETLINK_NETFILTER, &n, &e));
	assert_ok(firewall_list(n, NETNS_BRIDGE, found, &count, &e));
	assert_int_equal(count, 0);
	assert_shell("nft -f - <<'E'\n"
		     "table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; chain OUTPUT { type filter hook output priority 0; policy drop; }; }\n"
		     "table inet wall { chain in { type filter hook input priority 5; policy drop; }; chain jumped { drop; }; chain open { type filter hook forward priority 9; policy accept; }; }\n"
		     "table ip6 six { chain f { type filter hook forward priority 0; policy drop; }; }\n"
		     "table ip banger-t { chain forward { type filter hook forward priority 0; policy drop; }; }\n"
		     "E\n");
	assert_ok(firewall_list(n, NETNS_BRIDGE, found, &count, &e));
	assert_int_equal(count, 2);
	assert_string_equal(found[0].chain, "ip filter FORWARD");
	assert_true(found[0].forward);
	assert_string_equal(found[1].chain, "inet wall in");
	assert_false(found[1].forward);
	assert_shell("nft add rule ip filter FORWARD iifname " NETNS_BRIDGE " accept");
	assert_ok(firewall_list(n, NETNS_BRIDGE, found, &count, &e));
	assert_int_equal(count, 1);
	assert_shell("nft flush ruleset");
}

/* One rule that is the policy of forward, of that verdict, for what comes in by that device. */
static void make_table(struct ipt_getinfo *info, unsigned char *entries, int verdict, const char *device)
{
	struct ipt_entry rule = { .target_offset = sizeof(rule), .next_offset = sizeof(rule) + sizeof(struct xt_standard_target) };
	struct xt_standard_target target = { .target.u.target_size = sizeof(target), .verdict = verdict };

	snprintf(rule.ip.iniface, sizeof(rule.ip.iniface), "%s", device);
	memcpy(entries, &rule, sizeof(rule));
	memcpy(entries + sizeof(rule), &target, sizeof(target));
	*info = (struct ipt_getinfo){ .valid_hooks = 1 << NF_INET_FORWARD, .size = rule.next_offset };
}

static void legacy_tables(void **state)
{
	enum { SIZE = sizeof(struct ipt_entry) + sizeof(struct xt_standard_target) };
	struct firewall found[FIREWALLS_MAX];
	unsigned char entries[SIZE];
	struct ipt_getinfo info;
	struct err e = { 0 };
	size_t n = 0;

	make_table(&info, entries, -NF_ACCEPT - 1, "");
	assert_ok(firewall_legacy_parse(&info, entries, NETNS_BRIDGE, found, &n, &e));
	assert_int_equal(n, 0);
	make_table(&info, entries, -NF_DROP - 1, NETNS_BRIDGE);
	assert_ok(firewall_legacy_parse(&info, entries, NETNS_BRIDGE, found, &n, &e));
	assert_int_equal(n, 0);
	make_table(&info, entries, -NF_DROP - 1, "");
	assert_ok(firewall_legacy_parse(&info, entries, NETNS_BRIDGE, found, &n, &e));
	assert_true(n == 1 && found[0].forward && found[0].legacy);
	assert_string_equal(found[0].chain, "FORWARD");
	for (uint32_t size = 0; size < SIZE; size++) {
		info.size = size;
		assert_err(firewall_legacy_parse(&info, entries, NETNS_BRIDGE, found, &n, &e), ERR_INVALID);
	}
	info.size = SIZE;
	info.underflow[NF_INET_FORWARD] = 1;
	assert_err(firewall_legacy_parse(&info, entries, NETNS_BRIDGE, found, &n, &e), ERR_INVALID);
	info.hook_entry[NF_INET_FORWARD] = UINT32_MAX;
	assert_err(firewall_legacy_parse(&info, entries, NETNS_BRIDGE, found, &n, &e), ERR_INVALID);
	assert_int_equal(n, 1);
}

static void what_misses(void **state)
{
	NEEDS_NETNS();
	AUTO(net_free) struct net *n = netns_net(NETNS_OWNER);
	struct net_vm vm = netns_vm(ID, 2, true);
	AUTO_MEM struct net_entry *before = NULL, *flushed = NULL, *again = NULL;
	AUTO_FD int fd = -1, none = -1;
	struct err e = { 0 };
	size_t count;

	assert_ok(net_attach(n, &vm, &fd, &e));
	assert_ok(net_list(n, &before, &count, &e));
	assert_true(count == 1 && before[0].guarded && before[0].nat && before[0].attached);
	assert_shell("nft flush ruleset");
	assert_ok(net_list(n, &flushed, &count, &e));
	assert_true(count == 1 && !flushed[0].guarded && !flushed[0].nat && flushed[0].attached);
	assert_ok(net_attach(n, &vm, &none, &e));
	assert_int_equal(none, -1); /* its user keeps it */
	assert_ok(net_list(n, &again, &count, &e));
	assert_true(count == 1 && again[0].guarded && again[0].nat && again[0].attached);
	assert_ok(net_remove_all(n, &e));
	assert_shell("test -z \"$(nft list ruleset)\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(routes),
		cmocka_unit_test(subnet_in_use),
		cmocka_unit_test(firewalls),
		cmocka_unit_test(legacy_tables),
		cmocka_unit_test(what_misses),
	};

	return cmocka_run_group_tests(tests, netns_setup, NULL);
}
