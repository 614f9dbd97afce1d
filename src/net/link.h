/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Devices by rtnetlink: the guests' bridge and taps. Everything can be repeated: making what is there and removing what is not are
 * successes. Who a device belongs to stands in its alias, which `ip link` shows. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/addr.h"
#include "net/netlink.h"

#define LINK_ALIAS_MAX 256 /* the kernel's IFALIASZ, NUL included */

struct link {
	int index, master; /* master 0: in no bridge */
	char name[ADDR_DEV_NAME];
	char kind[16]; /* "bridge", "tun", "" for hardware */
	char alias[LINK_ALIAS_MAX];
	uint8_t mac[6];
	uint32_t mtu;
	bool up;
	bool carrier; /* of a tap: somebody has it open */
	bool isolated;
};

struct link_address {
	int index;
	struct addr_net net;
	char label[ADDR_DEV_NAME];
};

/* ERR_NOT_FOUND when there is none of that name. n is a NETLINK_ROUTE socket here and below. */
MUST int link_get(struct netlink *n, const char *name, struct link *ret, struct err *e);
/* All devices of the namespace. Caller frees *ret. */
MUST int link_list(struct netlink *n, struct link **ret, size_t *ret_n, struct err *e);
/* All IPv4 addresses of the namespace. Caller frees *ret. */
MUST int link_addresses(struct netlink *n, struct link_address **ret, size_t *ret_n, struct err *e);

/* Makes the bridge with that address and alias, up, its MAC fixed, without STP, multicast snooping and IPv6, or completes the one that is there and
 * unmarked or whose alias is that or begins with it and a space. ERR_EXISTS, naming what is in the way: a device of another kind, another alias, a foreign address on it, or
 * another device on the same network. mtu 0 is the kernel's default. */
MUST int link_bridge_ensure(struct netlink *n, const char *name, const struct addr_net *net, const char *alias, uint32_t mtu, struct err *e);

/* How a tap is made. */
struct link_tap {
	const char *name, *alias;
	uint32_t uid, gid; /* who may open it without CAP_NET_ADMIN; UINT32_MAX leaves one open */
	uint32_t mtu;      /* 0: the kernel's default */
};

/* Opens the tap of that name (virtio-net headers, one queue), making it where it is missing. It is still down, in no bridge and dies with the
 * descriptor. *ret_fd, close-on-exec and non-blocking, is the caller's; it is -1 when another process has the tap open, which
 * is a success. ERR_EXISTS when the name is taken by a device with another alias, ERR_UNAVAILABLE when the kernel has no taps. */
MUST int link_tap_open(struct netlink *n, const struct link_tap *tap, int *ret_fd, struct err *e);
/* Could a tap be made here? The error says why not. */
MUST int link_tap_probe(struct netlink *n, struct err *e);
/* Lets the tap outlive its descriptor. */
MUST int link_tap_keep(int fd, struct err *e);
/* Puts the device into the bridge as an isolated port (it reaches the bridge but no other such port), then up; it is never up before it is isolated. */
MUST int link_join(struct netlink *n, const char *name, const char *bridge, struct err *e);
/* Makes the kernel forget which MAC it knows for the address on that device (RTM_DELNEIGH), so that it asks anew; nothing known is success. */
MUST int link_forget_neighbour(struct netlink *n, const char *name, uint32_t address, struct err *e);
/* Renames; success when only the new name is there. ERR_NOT_FOUND when neither is. */
MUST int link_rename(struct netlink *n, const char *from, const char *to, struct err *e);
MUST int link_set_alias(struct netlink *n, int index, const char *alias, struct err *e);
/* Removes devices by index, all in one act: the kernel's waiting (20 ms) is for all together. Those that are gone are no error. */
MUST int link_delete(struct netlink *n, const int *indexes, size_t count, struct err *e);

/* Reads an RTM_NEWLINK or an RTM_NEWADDR message; false when it is neither or too short. Pure. */
bool link_parse(const struct netlink_msg *m, struct link *ret);
bool link_parse_address(const struct netlink_msg *m, struct link_address *ret);
