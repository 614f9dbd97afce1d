/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attach, detach and list in a network namespace of the test's own, seen with ip and nft. */
#include "netns.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <linux/if.h>
#include <linux/if_tun.h>

#define ID "1a2b3c4d-5e6f-4000-8000-000000000000"
#define TAP "tap-fc-1a2b3c4d"
#define ID2 "2a2b3c4d5e6f"
#define TAP2 "tap-fc-2a2b3c4d"

#define EVERYTHING "nft list ruleset; ip -d -o link | sed 's/state [A-Z]*//; s/_timer *[0-9.]*//g'"

static void nothing_left(struct net *n)
{
	struct err e = { 0 };

	assert_ok(net_remove_all(n, &e));
	assert_ok(net_remove_all(n, &e));
	assert_shell("test -z \"$(nft list ruleset)\"");
	assert_shell("test \"$(ip -o link | wc -l)\" = 1");
	assert_shell("test \"$(cat /proc/sys/net/ipv4/ip_forward)\" = 0");
}

static void attaches(void **state)
{
	NEEDS_NETNS();
	AUTO(net_free) struct net *n = netns_net(NETNS_OWNER);
	struct net_vm vm = netns_vm(ID, 2, false);
	AUTO_FD int fd = -1;
	struct err e = { 0 };

	assert_ok(net_attach(n, &vm, &fd, &e));
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_shell("ip -d link show " NETNS_BRIDGE " | grep -q 'link/ether 06:00:ac:1e:05:01 '");
	assert_shell("ip -d link show " NETNS_BRIDGE " | grep -q 'stp_state 0 .*mcast_snooping 0 .*addrgenmode none'");
	assert_shell("ip link show " NETNS_BRIDGE " | grep -q 'alias banger " NETNS_OWNER "$'");
	assert_shell("test \"$(ip -j addr show " NETNS_BRIDGE " | tr -d ' ' | grep -o '\"local\":\"[^\"]*\",\"prefixlen\":[0-9]*')\" = '\"local\":\"172.30.5.1\",\"prefixlen\":24'");
	assert_shell("ip -d link show " TAP " | grep -q 'tun type tap pi off vnet_hdr on persist on user 1234 '");
	assert_shell("ip -d link show " TAP " | grep -q '[<,]UP[,>].* master " NETNS_BRIDGE " '");
	assert_shell("bridge -d link show dev " TAP " | grep -q 'isolated on'");
	assert_shell("ip link show " TAP " | grep -q 'alias banger " NETNS_OWNER " " ID " 172.30.5.2$'");
	assert_shell("nft -j list ruleset | python3 -c 'import json,sys; json.load(sys.stdin)'");
	assert_shell("nft list chain netdev " NETNS_TABLE " " TAP " | grep -q 'hook ingress device \"" TAP "\" priority -300; policy drop;'");
	assert_shell("nft list chain netdev " NETNS_TABLE " " TAP " | grep -q 'ether saddr 02:1a:2b:3c:4d:5e ip saddr 172.30.5.2 accept'");
	assert_shell("nft list chain netdev " NETNS_TABLE " " TAP " | grep -q 'arp saddr ether 02:1a:2b:3c:4d:5e arp saddr ip 172.30.5.2 accept'");
	assert_shell("nft list chain ip " NETNS_TABLE " forward | grep -q 'iifname \"" NETNS_BRIDGE "\" oifname \"" NETNS_BRIDGE "\" drop'");
	assert_shell("! nft list set ip " NETNS_TABLE " nat | grep -q 172.30.5.2");
	assert_shell("test \"$(cat /proc/sys/net/ipv4/ip_forward)\" = 0"); /* nobody asked for NAT */
	nothing_left(n);
}

static void repeats(void **state)
{
	NEEDS_NETNS();
	AUTO(net_free) struct net *n = netns_net(NETNS_OWNER);
	struct net_vm vm = netns_vm(ID, 2, true);
	struct err e = { 0 };
	int fd;

	assert_ok(net_attach(n, &vm, &fd, &e));
	AUTO_MEM char *first = shell_text(EVERYTHING);
	int second = 0;
	assert_ok(net_attach(n, &vm, &second, &e));
	assert_int_equal(second, -1); /* fd has it */
	close(fd);
	assert_ok(net_attach(n, &vm, &fd, &e));
	assert_true(fd >= 0);
	AUTO_MEM char *third = shell_text(EVERYTHING);
	assert_string_equal(first, third);
	assert_shell("nft list set ip " NETNS_TABLE " nat | grep -q 172.30.5.2");
	assert_shell("test \"$(cat /proc/sys/net/ipv4/ip_forward)\" = 1");
	vm.nat = false;
	assert_ok(net_attach(n, &vm, NULL, &e));
	assert_shell("! nft list set ip " NETNS_TABLE " nat | grep -q 172.30.5.2");

	vm.address++;
	assert_err(net_attach(n, &vm, NULL, &e), ERR_BUSY); /* a VMM would still use the old one */
	assert_shell("ip link show " TAP " | grep -q 172.30.5.2");
	close(fd);
	assert_ok(net_attach(n, &vm, NULL, &e));
	assert_shell("ip link show " TAP " | grep -q 172.30.5.3");
	assert_shell("nft list chain netdev " NETNS_TABLE " " TAP " | grep -q 'ip saddr 172.30.5.3 accept'");
	nothing_left(n);
}

static void forgets_the_last_owner(void **state)
{
	NEEDS_NETNS();
	AUTO(net_free) struct net *n = netns_net(NETNS_OWNER);
	struct net_vm vm = netns_vm(ID, 2, false), vm2 = netns_vm(ID2, 3, false);
	struct err e = { 0 };

	assert_ok(net_attach(n, &vm2, NULL, &e));
	assert_shell("ip neigh replace 172.30.5.2 lladdr 02:99:99:99:99:99 dev " NETNS_BRIDGE " nud reachable");
	assert_ok(net_attach(n, &vm, NULL, &e));
	assert_shell("! ip neigh show dev " NETNS_BRIDGE " | grep -q 02:99:99:99:99:99");
	assert_ok(net_detach(n, ID2, 0, &e));
	nothing_left(n);
}

static void detaches(void **state)
{
	NEEDS_NETNS();
	AUTO(net_free) struct net *n = netns_net(NETNS_OWNER);
	struct net_vm vm = netns_vm(ID, 2, true), vm2 = netns_vm(ID2, 3, true);
	struct err e = { 0 };

	assert_ok(net_detach(n, ID, 0, &e)); /* of nothing */
	assert_ok(net_attach(n, &vm, NULL, &e));
	assert_ok(net_attach(n, &vm2, NULL, &e));
	assert_ok(net_detach(n, ID, 0, &e));
	assert_shell("! ip link show " TAP " 2>/dev/null");
	assert_shell("! nft list ruleset | grep -q -e " TAP " -e 172.30.5.2");
	assert_shell("nft list chain netdev " NETNS_TABLE " " TAP2 " | grep -q accept");
	assert_shell("nft list set ip " NETNS_TABLE " nat | grep -q 172.30.5.3");
	assert_ok(net_detach(n, ID, 0, &e));
	assert_ok(net_detach(n, ID2, 0, &e));
	assert_shell("test -z \"$(nft list ruleset)\""); /* the table goes with the last */
	assert_shell("! ip link show " NETNS_BRIDGE " 2>/dev/null"); /* and the bridge */
	assert_shell("test \"$(cat /proc/sys/net/ipv4/ip_forward)\" = 0");

	assert_ok(net_attach(n, &vm, NULL, &e)); /* tap gone by another hand, rules left */
	assert_shell("ip link del " TAP);
	assert_ok(net_detach(n, ID, vm.address, &e));
	assert_shell("test -z \"$(nft list ruleset)\"");
	nothing_left(n);
}

static void lists(void **state)
{
	NEEDS_NETNS();
	AUTO(net_free) struct net *n = netns_net(NETNS_OWNER);
	AUTO_MEM struct net_entry *all = NULL;
	struct net_vm vm = netns_vm(ID, 2, false), vm2 = netns_vm(ID2, 3, true);
	AUTO_FD int fd = -1;
	struct err e = { 0 };
	size_t count;

	assert_ok(net_attach(n, &vm, &fd, &e));
	assert_ok(net_attach(n, &vm2, NULL, &e));
	assert_shell("ip tuntap add strange mode tap");
	assert_shell("bridge link set dev " TAP2 " isolated off");
	assert_ok(net_list(n, &all, &count, &e));
	assert_int_equal(count, 2);
	assert_string_equal(all[0].id, ID);
	assert_string_equal(all[0].tap, TAP);
	assert_int_equal(all[0].address, vm.address);
	assert_true(!all[0].nat && all[0].attached && all[0].in_use);
	assert_string_equal(all[1].id, ID2);
	assert_true(all[1].nat && !all[1].attached && !all[1].in_use);
	assert_shell("ip link del strange");
	nothing_left(n);
}

static void refuses_what_is_not_ours(void **state)
{
	NEEDS_NETNS();
	AUTO(net_free) struct net *n = netns_net(NETNS_OWNER), *longer = netns_net(NETNS_OWNER "2");
	struct net_vm vm = netns_vm(ID, 2, false);
	struct err e = { 0 };

	assert_shell("ip tuntap add " NETNS_BRIDGE " mode tap");
	assert_err(net_attach(n, &vm, NULL, &e), ERR_EXISTS);
	assert_shell("ip link del " NETNS_BRIDGE);

	assert_shell("ip link add " NETNS_BRIDGE " type bridge && ip addr add 10.9.9.9/24 dev " NETNS_BRIDGE);
	assert_int_equal(net_attach(n, &vm, NULL, &e), -1);
	assert_non_null(strstr(e.msg, "10.9.9.9/24"));
	assert_non_null(strstr(e.msg, "'" NETNS_BRIDGE "'"));
	assert_true(e.hint[0]);
	err_clear(&e);
	assert_shell("ip link del " NETNS_BRIDGE);

	assert_shell("ip tuntap add lan mode tap && ip addr add 172.30.5.77/16 dev lan");
	assert_int_equal(net_attach(n, &vm, NULL, &e), -1);
	assert_non_null(strstr(e.msg, "'lan' (172.30.5.77/16)"));
	err_clear(&e);
	assert_shell("ip link del lan");

	assert_ok(net_attach(longer, &vm, NULL, &e));
	assert_int_equal(net_attach(n, &vm, NULL, &e), -1);
	assert_non_null(strstr(e.msg, "'banger " NETNS_OWNER "2'"));
	err_clear(&e);
	assert_ok(net_detach(n, ID, 0, &e)); /* leaves the other's */
	assert_ok(net_remove_all(n, &e));
	assert_shell("ip link show " TAP " >/dev/null");
	nothing_left(longer);

	assert_shell("ip tuntap add " TAP " mode tap");
	assert_err(net_attach(n, &vm, NULL, &e), ERR_EXISTS);
	assert_shell("ip link show " TAP " >/dev/null && test -z \"$(nft list ruleset)\" && ip link del " TAP);
	nothing_left(n);
}

static void leaves_a_foreign_bridge(void **state)
{
	NEEDS_NETNS();
	AUTO(net_free) struct net *n = netns_net(NETNS_OWNER);
	struct net_vm vm = netns_vm(ID, 2, false);
	struct err e = { 0 };

	assert_shell("ip link add " NETNS_BRIDGE " address 06:01:01:01:01:01 type bridge");
	assert_ok(net_attach(n, &vm, NULL, &e));
	assert_ok(net_remove_all(n, &e));
	assert_shell("ip link show " NETNS_BRIDGE " >/dev/null && ip link del " NETNS_BRIDGE);

	/* One of ours, whose maker died before it was marked. */
	assert_shell("ip link add " NETNS_BRIDGE " address 06:00:ac:1e:05:01 type bridge");
	assert_ok(net_attach(n, &vm, NULL, &e));
	assert_shell("ip link show " NETNS_BRIDGE " | grep -q 'alias banger " NETNS_OWNER "$'");
	nothing_left(n);
}

/* What a banger that died left without a guest does not stand in the way, and its note on IP forwarding is followed. */
static void takes_over_an_idle_bridge(void **state)
{
	NEEDS_NETNS();
	AUTO(net_free) struct net *n = netns_net(NETNS_OWNER), *gone = netns_net("0:/gone folder");
	struct net_vm vm = netns_vm(ID, 2, true), vm2 = netns_vm(ID2, 3, false);
	struct err e = { 0 };

	assert_ok(net_attach(gone, &vm, NULL, &e));
	assert_shell("ip link show " NETNS_BRIDGE " | grep -q 'alias banger 0:/gone_folder forward$'");
	assert_int_equal(net_attach(n, &vm2, NULL, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_non_null(strstr(e.msg, "0:/gone_folder"));
	err_clear(&e);
	assert_shell("ip link del " TAP " && nft flush ruleset");
	assert_ok(net_attach(n, &vm2, NULL, &e));
	assert_shell("ip link show " NETNS_BRIDGE " | grep -q 'alias banger " NETNS_OWNER "$'");
	assert_shell("test \"$(cat /proc/sys/net/ipv4/ip_forward)\" = 0");
	assert_ok(net_remove_all(gone, &e)); /* not its own any more */
	assert_shell("nft list chain netdev " NETNS_TABLE " " TAP2 " | grep -q accept && ip link show " NETNS_BRIDGE " >/dev/null");
	assert_shell("ip link del " TAP2 " && nft flush ruleset");

	assert_shell("ip link set " NETNS_BRIDGE " address 06:00:0a:00:00:01 && ip addr flush dev " NETNS_BRIDGE
		     " && ip addr add 10.0.0.1/24 dev " NETNS_BRIDGE); /* ours, from before another bridge_ip was configured */
	assert_ok(net_attach(n, &vm2, NULL, &e));
	assert_shell("ip addr show " NETNS_BRIDGE " | grep -q 'inet 172.30.5.1/24'");
	nothing_left(n);
}

static void leaves_forwarding_to_others(void **state)
{
	NEEDS_NETNS();
	AUTO(net_free) struct net *n = netns_net(NETNS_OWNER);
	struct net_vm vm = netns_vm(ID, 2, true);
	struct err e = { 0 };

	assert_ok(net_attach(n, &vm, NULL, &e));
	assert_shell("ip link add other type bridge");
	assert_ok(net_detach(n, ID, 0, &e));
	assert_shell("test \"$(cat /proc/sys/net/ipv4/ip_forward)\" = 1 && ip link del other && echo 0 >/proc/sys/net/ipv4/ip_forward");
	nothing_left(n);
}

static void refuses_bad_requests(void **state)
{
	NEEDS_NETNS();
	static const char *const bridges[] = { "br/x", "eth0", "br-fcx", "br-fc-", "br-fc-0123456789", "br-fc-a b", "" };
	struct net_conf conf = { .owner = "test", .net = { 0xac1e0501, 24 } };
	struct net_vm vm = netns_vm("../x", 2, false);
	AUTO(net_free) struct net *n = netns_net(NETNS_OWNER);
	struct err e = { 0 };
	struct net *other;

	assert_err(net_attach(n, &vm, NULL, &e), ERR_INVALID);
	vm = netns_vm(ID, 1, false);
	assert_err(net_attach(n, &vm, NULL, &e), ERR_INVALID);
	vm = netns_vm(ID, 255, false);
	assert_err(net_attach(n, &vm, NULL, &e), ERR_INVALID);
	assert_err(net_detach(n, "", 0, &e), ERR_INVALID);
	for (size_t i = 0; i < ARRAY_LEN(bridges); i++) {
		conf.bridge = bridges[i];
		assert_err(net_open(&conf, &other, &e), ERR_INVALID);
	}
	conf.bridge = "br-fc";
	conf.owner = "";
	assert_err(net_open(&conf, &other, &e), ERR_INVALID);
	nothing_left(n);
}

/* The tap's user opens it by name without any right, as Firecracker does in its jail. */
static void is_opened_by_its_user(void **state)
{
	NEEDS_NETNS();
	AUTO(net_free) struct net *n = netns_net(NETNS_OWNER);
	struct net_vm vm = netns_vm(ID, 2, false);
	struct err e = { 0 };
	int status;

	assert_ok(net_attach(n, &vm, NULL, &e));
	for (unsigned uid = 1234; uid <= 1235; uid++) {
		AUTO_FD int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
		pid_t pid = fork();

		if (pid == 0) {
			struct ifreq r = { .ifr_name = TAP, .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

			_exit(setuid(uid) < 0 ? 3 : ioctl(fd, TUNSETIFF, &r) < 0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(WEXITSTATUS(status), uid != 1234);
	}
	nothing_left(n);
}

static void probes(void **state)
{
	NEEDS_NETNS();
	AUTO(net_free) struct net *n = netns_net(NETNS_OWNER);
	struct err e = { 0 };
	int status;

	AUTO_MEM char *before = shell_text(EVERYTHING);
	assert_ok(net_probe(n, &e));
	AUTO_MEM char *after = shell_text(EVERYTHING);
	assert_string_equal(before, after);
	pid_t pid = fork();
	if (pid == 0) {
		struct net *own; /* a socket keeps the rights it was opened with */
		struct net_conf conf = { .bridge = NETNS_BRIDGE, .owner = NETNS_OWNER, .net = { 0xac1e0501, 24 } };

		_exit(setuid(1234) < 0 || net_open(&conf, &own, &e) < 0 ? 2 : net_probe(own, &e) == 0 || e.code != ERR_DENIED || !e.hint[0]);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probes),
		cmocka_unit_test(attaches),
		cmocka_unit_test(repeats),
		cmocka_unit_test(forgets_the_last_owner),
		cmocka_unit_test(detaches),
		cmocka_unit_test(lists),
		cmocka_unit_test(refuses_what_is_not_ours),
		cmocka_unit_test(leaves_a_foreign_bridge),
		cmocka_unit_test(takes_over_an_idle_bridge),
		cmocka_unit_test(leaves_forwarding_to_others),
		cmocka_unit_test(refuses_bad_requests),
		cmocka_unit_test(is_opened_by_its_user),
	};

	return cmocka_run_group_tests(tests, netns_setup, NULL);
}
