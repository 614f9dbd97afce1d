/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What guests can send and reach, by trying: frames written into their taps, looked for on the bridge, in the other guest's tap, and on a server behind an
 * uplink. A forged frame is followed by a true one; frames of one tap stay in order, so once the true one is there the forged one is lost for good. */
#include "netns.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <linux/netlink.h>

#include "base/fd.h"
#include "net/link.h"
#include "net/nft.h"

enum { VNET_HEADER = 10, FRAME = 60, PORT = 4242, PATIENCE_MS = 5000 };

#define BRIDGE_ADDRESS 0xac1e0501 /* 172.30.5.1 */
#define UPLINK_ADDRESS 0xc0000201 /* 192.0.2.1 */
#define SERVER_ADDRESS 0xc0000202 /* 192.0.2.2 */

static const uint8_t bridge_mac[6] = { 6, 0, 0xac, 0x1e, 5, 1 };
static const uint8_t everybody[6] = { 255, 255, 255, 255, 255, 255 };
struct guest {
	int fd;
	uint8_t mac[6];
	uint32_t address;
	const char *id;
};

struct frame {
	uint8_t data[VNET_HEADER + FRAME];
};

static struct guest guest_attach(struct net *n, const char *id, unsigned last, bool nat)
{
	struct net_vm vm = netns_vm(id, last, nat);
	struct guest g = { .address = vm.address, .id = id };
	struct err e = { 0 };

	assert_ok(addr_mac(id, g.mac, &e));
	assert_ok(net_attach(n, &vm, &g.fd, &e));
	return g;
}

static struct frame make_frame(const uint8_t *to, const uint8_t *from, uint16_t type)
{
	struct frame f = { { 0 } };

	memcpy(f.data + VNET_HEADER, to, 6);
	memcpy(f.data + VNET_HEADER + 6, from, 6);
	f.data[VNET_HEADER + 12] = (uint8_t)(type >> 8);
	f.data[VNET_HEADER + 13] = (uint8_t)type;
	return f;
}

static void put32(uint8_t *at, uint32_t v)
{
	v = htonl(v);
	memcpy(at, &v, 4);
}

static uint32_t get32(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, 4);
	return ntohl(v);
}

static struct frame make_arp(const uint8_t *to, const uint8_t *from, unsigned op, const uint8_t *sender_mac, uint32_t sender, uint32_t target)
{
	static const uint8_t head[6] = { 0, 1, 8, 0, 6, 4 };
	struct frame f = make_frame(to, from, ETHERTYPE_ARP);
	uint8_t *arp = f.data + VNET_HEADER + 14;

	memcpy(arp, head, 6);
	arp[7] = (uint8_t)op;
	memcpy(arp + 8, sender_mac, 6);
	put32(arp + 14, sender);
	put32(arp + 24, target);
	return f;
}

/* A UDP datagram to PORT with a byte of payload that tells it from others; no UDP checksum, which IPv4 allows. */
static struct frame make_udp(const uint8_t *to, const uint8_t *from, uint32_t source, uint32_t target, char tag)
{
	struct frame f = make_frame(to, from, ETHERTYPE_IP);
	uint8_t *ip = f.data + VNET_HEADER + 14;
	uint32_t sum = 0;

	ip[0] = 0x45;
	ip[3] = 29;
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	put32(ip + 12, source);
	put32(ip + 16, target);
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
	ip[20] = ip[22] = PORT >> 8;
	ip[21] = ip[23] = PORT & 255;
	ip[25] = 9;
	ip[28] = (uint8_t)tag;
	return f;
}

static void send_frame(const struct guest *g, const struct frame *f)
{
	assert_int_equal(write(g->fd, f, sizeof(*f)), sizeof(*f));
}

/* Sees all that arrives at a device. */
static int watch(const char *device)
{
	struct timeval limit = { .tv_sec = PATIENCE_MS / 1000 };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct netlink *n;
	struct link l;
	struct err e = { 0 };

	assert_ok(netlink_open(NETLINK_ROUTE, &n, &e));
	assert_ok(link_get(n, device, &l, &e));
	netlink_free(n);
	a.sll_ifindex = l.index;
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	return fd;
}

/* Reads what arrived (not what the host sent) until the wanted frame; false when another of ours came before it. */
static bool arrives_first(int fd, const struct frame *wanted, const struct frame *unwanted)
{
	uint8_t buf[2048];
	struct sockaddr_ll from;

	for (;;) {
		socklen_t size = sizeof(from);
		ssize_t n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &size);

		if (n < 0)
			fail_msg("the true frame does not arrive: %s", strerror(errno));
		if (from.sll_pkttype == PACKET_OUTGOING)
			continue;
		if (n < 14 || n > FRAME) /* bridge netfilter cuts padding off */
			continue;
		if (memcmp(buf, wanted->data + VNET_HEADER, (size_t)n) == 0)
			return true;
		if (memcmp(buf, unwanted->data + VNET_HEADER, (size_t)n) == 0)
			return false;
	}
}

/* Answers ARP for the guest and reads until a UDP datagram to PORT; its payload's first byte, or -1 when none came in time. */
static int guest_receive(const struct guest *g, int patience_ms, char *ret_text, size_t room)
{
	int64_t deadline = time_now_ms() + patience_ms;
	uint8_t buf[2048];

	for (;;) {
		struct pollfd p = { .fd = g->fd, .events = POLLIN };
		int64_t left = deadline - time_now_ms();
		const uint8_t *eth = buf + VNET_HEADER, *ip = eth + 14;

		if (poll(&p, 1, left > 0 ? (int)left : 0) <= 0)
			return -1;
		ssize_t n = read(g->fd, buf, sizeof(buf));
		if (n < VNET_HEADER + 42)
			continue;
		if (eth[12] == 8 && eth[13] == 6 && eth[21] == 1 && get32(eth + 38) == g->address) {
			struct frame answer = make_arp(eth + 6, g->mac, 2, g->mac, g->address, get32(eth + 28));

			memcpy(answer.data + VNET_HEADER + 32, eth + 22, 6);
			send_frame(g, &answer);
		}
		if (eth[12] == 8 && eth[13] == 0 && ip[9] == IPPROTO_UDP && ip[22] == PORT >> 8 && ip[23] == (PORT & 255)) {
			size_t length = (size_t)n - VNET_HEADER - 42;

			length = length < room - 1 ? length : room - 1;
			memcpy(ret_text, ip + 28, length);
			ret_text[length] = 0;
			return ip[28];
		}
	}
}

static void check_forgeries(const struct guest *g)
{
	const uint8_t stranger[6] = { 2, 9, 9, 9, 9, 9 };
	struct frame truth = make_udp(bridge_mac, g->mac, g->address, BRIDGE_ADDRESS, 't');
	struct frame vlan = make_frame(bridge_mac, g->mac, ETHERTYPE_VLAN);
	const struct frame forged[] = {
		make_udp(bridge_mac, stranger, g->address, BRIDGE_ADDRESS, 1),
		make_udp(bridge_mac, g->mac, g->address + 1, BRIDGE_ADDRESS, 2),
		make_udp(bridge_mac, g->mac, BRIDGE_ADDRESS, BRIDGE_ADDRESS, 3),
		make_udp(bridge_mac, g->mac, 0, 0xffffffff, 4),
		make_arp(everybody, g->mac, 2, g->mac, BRIDGE_ADDRESS, g->address),    /* "I am the gateway" */
		make_arp(bridge_mac, g->mac, 2, g->mac, g->address + 1, BRIDGE_ADDRESS), /* "I am the neighbour" */
		make_arp(bridge_mac, g->mac, 1, stranger, g->address, BRIDGE_ADDRESS),
		make_arp(bridge_mac, stranger, 1, stranger, g->address, BRIDGE_ADDRESS),
		make_frame(everybody, g->mac, ETHERTYPE_IPV6),
		make_frame(everybody, g->mac, 0x88cc), /* LLDP */
		make_frame(everybody, bridge_mac, ETHERTYPE_IP),
		make_frame((const uint8_t[]){ 1, 0x80, 0xc2, 0, 0, 0 }, g->mac, 0x26), /* a spanning tree's BPDU */
		vlan,
	};
	const struct frame honest[] = {
		make_arp(everybody, g->mac, 1, g->mac, g->address, BRIDGE_ADDRESS),
		make_arp(everybody, g->mac, 1, g->mac, 0, g->address), /* duplicate address detection */
		make_arp(bridge_mac, g->mac, 2, g->mac, g->address, BRIDGE_ADDRESS),
	};
	AUTO_FD int fd = watch(NETNS_BRIDGE);

	for (size_t i = 0; i < ARRAY_LEN(forged); i++) {
		send_frame(g, &forged[i]);
		send_frame(g, &truth);
		if (!arrives_first(fd, &truth, &forged[i]))
			fail_msg("forged frame %zu arrives", i);
	}
	for (size_t i = 0; i < ARRAY_LEN(honest); i++) {
		send_frame(g, &honest[i]);
		assert_true(arrives_first(fd, &honest[i], &truth));
	}
}

static void drops_forged_frames(void **state)
{
	NEEDS_NETNS();
	AUTO(net_free) struct net *n = netns_net(NETNS_OWNER);
	struct guest g = guest_attach(n, "1a2b3c4d5e6f", 2, false);
	struct frame forged = make_udp(bridge_mac, g.mac, g.address + 1, BRIDGE_ADDRESS, 'f');
	struct frame truth = make_udp(bridge_mac, g.mac, g.address, BRIDGE_ADDRESS, 't');
	struct err e = { 0 };

	check_forgeries(&g);
	assert_shell("nft delete table netdev " NETNS_TABLE); /* the rules do it, nothing else */
	AUTO_FD int fd = watch(NETNS_BRIDGE);
	send_frame(&g, &forged);
	send_frame(&g, &truth);
	assert_false(arrives_first(fd, &truth, &forged));
	close(g.fd);
	assert_ok(net_remove_all(n, &e));
}

/* The same rules where the kernel has no netdev hooks. */
static void drops_them_in_the_bridge_family(void **state)
{
	NEEDS_NETNS();
	AUTO(net_free) struct net *n = netns_net(NETNS_OWNER);
	AUTO(netlink_free) struct netlink *filter = NULL;
	struct guest g = guest_attach(n, "1a2b3c4d5e6f", 2, false), other = guest_attach(n, "2a2b3c4d5e6f", 3, false);
	struct nft_base base = { .table = NETNS_TABLE, .bridge = NETNS_BRIDGE, .net = { BRIDGE_ADDRESS, 24 } };
	struct nft_guest rules = { .tap = "tap-fc-1a2b3c4d", .address = g.address };
	struct err e = { 0 };

	memcpy(rules.mac, g.mac, 6);
	assert_ok(netlink_open(NETLINK_NETFILTER, &filter, &e));
	assert_ok(nft_remove(filter, &base, &e));
	assert_ok(nft_attach(filter, &base, &rules, NFT_GUARD_BRIDGE, &e));
	assert_shell("nft list chain bridge " NETNS_TABLE " tap-fc-1a2b3c4d | grep -q 'ip saddr 172.30.5.2 accept'");
	assert_shell("! nft list tables netdev | grep -q " NETNS_TABLE);
	check_forgeries(&g);

	memcpy(rules.mac, other.mac, 6); /* the next guest's are made the same way, and do not touch the first's */
	memcpy(rules.tap, "tap-fc-2a2b3c4d", sizeof(rules.tap));
	rules.address = other.address;
	assert_ok(nft_attach(filter, &base, &rules, NFT_GUARD_AUTO, &e));
	assert_shell("! nft list tables netdev | grep -q " NETNS_TABLE);
	check_forgeries(&g);
	check_forgeries(&other);
	close(g.fd);
	close(other.fd);
	assert_ok(net_remove_all(n, &e));
	assert_shell("test -z \"$(nft list ruleset)\"");
}

static void keeps_guests_apart(void **state)
{
	NEEDS_NETNS();
	AUTO(net_free) struct net *n = netns_net(NETNS_OWNER);
	struct guest a = guest_attach(n, "1a2b3c4d5e6f", 2, true), b = guest_attach(n, "2a2b3c4d5e6f", 3, true);
	struct frame direct = make_udp(b.mac, a.mac, a.address, b.address, 'd'), flood = make_udp(everybody, a.mac, a.address, b.address, 'f');
	struct frame routed = make_udp(bridge_mac, a.mac, a.address, b.address, 'r'), truth = make_udp(bridge_mac, a.mac, a.address, BRIDGE_ADDRESS, 't');
	AUTO_FD int fd = watch(NETNS_BRIDGE);
	struct err e = { 0 };
	char text[64];

	/* The bridge knows where b is, and so does the host. */
	struct frame hello = make_arp(bridge_mac, b.mac, 1, b.mac, b.address, BRIDGE_ADDRESS);
	send_frame(&b, &hello);
	assert_true(arrives_first(fd, &hello, &truth));
	assert_shell("test \"$(cat /proc/sys/net/ipv4/ip_forward)\" = 1 && ip neigh replace 172.30.5.3 lladdr 02:2a:2b:3c:4d:5e dev " NETNS_BRIDGE);
	send_frame(&a, &direct);
	send_frame(&a, &flood);
	send_frame(&a, &routed);
	send_frame(&a, &truth);
	assert_true(arrives_first(fd, &truth, &hello));
	assert_int_equal(guest_receive(&b, 0, text, sizeof(text)), -1);

	assert_shell("nft delete table ip " NETNS_TABLE); /* a rule keeps the host from routing it, nothing else */
	send_frame(&a, &direct);
	send_frame(&a, &flood);
	send_frame(&a, &routed);
	assert_int_equal(guest_receive(&b, PATIENCE_MS, text, sizeof(text)), 'r');
	assert_shell("bridge link set dev tap-fc-2a2b3c4d isolated off"); /* and isolation the rest */
	send_frame(&a, &direct);
	assert_int_equal(guest_receive(&b, PATIENCE_MS, text, sizeof(text)), 'd');
	close(a.fd);
	close(b.fd);
	assert_ok(net_remove_all(n, &e));
}

static int udp_bound(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct timeval limit = { .tv_sec = PATIENCE_MS / 1000 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	return fd;
}

static char receive_byte(int fd, struct sockaddr_in *ret_from)
{
	socklen_t size = sizeof(*ret_from);
	char c = 0;

	return recvfrom(fd, &c, 1, 0, (struct sockaddr *)ret_from, &size) == 1 ? c : 0;
}

/* The host's own services: its address on the bridge for all guests, its other addresses for those with NAT. */
static void lets_guests_reach_the_host(void **state)
{
	NEEDS_NETNS();
	AUTO(net_free) struct net *n = netns_net(NETNS_OWNER);
	struct guest p = guest_attach(n, "1a2b3c4d5e6f", 2, false), o = guest_attach(n, "2a2b3c4d5e6f", 3, true);
	struct err e = { 0 };
	struct sockaddr_in from;
	AUTO_FD int fd = udp_bound();

	assert_shell("ip link set lo up && ip addr add 192.0.2.1/32 dev lo");
	struct frame f = make_udp(bridge_mac, p.mac, p.address, UPLINK_ADDRESS, 'x');
	send_frame(&p, &f);
	f = make_udp(bridge_mac, p.mac, p.address, BRIDGE_ADDRESS, 'b');
	send_frame(&p, &f);
	assert_int_equal(receive_byte(fd, &from), 'b');
	f = make_udp(bridge_mac, o.mac, o.address, UPLINK_ADDRESS, 'o');
	send_frame(&o, &f);
	assert_int_equal(receive_byte(fd, &from), 'o');
	assert_int_equal(ntohl(from.sin_addr.s_addr), o.address);

	/* And the host reaches a guest, which answers. */
	char text[64];
	from.sin_addr.s_addr = htonl(p.address);
	assert_int_equal(sendto(fd, "h", 1, 0, (struct sockaddr *)&from, sizeof(from)), 1);
	assert_int_equal(guest_receive(&p, PATIENCE_MS, text, sizeof(text)), 'h');
	close(p.fd);
	close(o.fd);
	assert_ok(net_remove_all(n, &e));
	assert_shell("ip addr del 192.0.2.1/32 dev lo");
}

/* Another machine: answers each datagram with the address it came from. Says on ready_fd when it listens. */
static void server(int ready_fd, int go_fd)
{
	struct sockaddr_in from;
	char text[INET_ADDRSTRLEN];
	char c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWNET) < 0 || write(ready_fd, "n", 1) != 1 || read(go_fd, &c, 1) != 1)
		_exit(1);
	if (shell("ip link set lo up && ip addr add 192.0.2.2/24 dev up1 && ip link set up1 up") != 0)
		_exit(2);
	int fd = udp_bound();
	if (write(ready_fd, "l", 1) != 1)
		_exit(3);
	for (;;) {
		char tag = receive_byte(fd, &from);

		if (!tag)
			continue;
		inet_ntop(AF_INET, &from.sin_addr, text, sizeof(text));
		text[strlen(text) + 1] = 0;
		if (sendto(fd, text, strlen(text), 0, (struct sockaddr *)&from, sizeof(from)) < 0)
			_exit(4);
	}
}

static void routes_only_with_nat(void **state)
{
	NEEDS_NETNS();
	AUTO(net_free) struct net *n = netns_net(NETNS_OWNER);
	struct err e = { 0 };
	int ready[2], go[2], status;
	char command[160], c, text[64];

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0)
		server(ready[1], go[0]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	snprintf(command, sizeof(command),
		"ip link add up0 type veth peer name up1 netns %d && ip addr add 192.0.2.1/24 dev up0 && ip link set up0 up", (int)pid);
	assert_shell(command);
	assert_int_equal(write(go[1], "g", 1), 1);
	assert_int_equal(read(ready[0], &c, 1), 1);

	struct guest a = guest_attach(n, "1a2b3c4d5e6f", 2, true), b = guest_attach(n, "2a2b3c4d5e6f", 3, false);
	AUTO_FD int fd = watch("up0");

	assert_true(fd >= 0);
	struct frame out_a = make_udp(bridge_mac, a.mac, a.address, SERVER_ADDRESS, 'a');
	struct frame out_b = make_udp(bridge_mac, b.mac, b.address, SERVER_ADDRESS, 'b');

	send_frame(&b, &out_b);
	send_frame(&a, &out_a);
	assert_int_equal(guest_receive(&a, PATIENCE_MS, text, sizeof(text)), '1');
	assert_string_equal(text, "192.0.2.1"); /* masqueraded */
	assert_int_equal(guest_receive(&b, 0, text, sizeof(text)), -1);

	struct net_vm vm = netns_vm(b.id, 3, true); /* switched on and off while it runs */
	assert_ok(net_attach(n, &vm, NULL, &e));
	send_frame(&b, &out_b);
	assert_int_equal(guest_receive(&b, PATIENCE_MS, text, sizeof(text)), '1');
	vm.nat = false;
	assert_ok(net_attach(n, &vm, NULL, &e));
	send_frame(&b, &out_b);
	send_frame(&a, &out_a);
	assert_int_equal(guest_receive(&a, PATIENCE_MS, text, sizeof(text)), '1');
	assert_int_equal(guest_receive(&b, 0, text, sizeof(text)), -1);

	/* Nobody from outside gets in, even with a route. */
	snprintf(command, sizeof(command), "nsenter -t %d -n ip route add 172.30.5.0/24 via 192.0.2.1", (int)pid);
	assert_shell(command);
	snprintf(command, sizeof(command), "nsenter -t %d -n python3 -c 'import socket; s = socket.socket(2, 2); s.sendto(b\"i\", (\"172.30.5.2\", %d))'", (int)pid, PORT);
	assert_shell(command);
	send_frame(&a, &out_a);
	assert_int_equal(guest_receive(&a, PATIENCE_MS, text, sizeof(text)), '1'); /* the server's answer, not 'i' */

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	close(a.fd);
	close(b.fd);
	assert_ok(net_remove_all(n, &e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drops_forged_frames),
		cmocka_unit_test(drops_them_in_the_bridge_family),
		cmocka_unit_test(keeps_guests_apart),
		cmocka_unit_test(lets_guests_reach_the_host),
		cmocka_unit_test(routes_only_with_nat),
	};

	return cmocka_run_group_tests(tests, netns_setup, NULL);
}
