/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Pure arithmetic on IPv4 addresses, MACs and device names; no system call. An address is a uint32_t in host order. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define ADDR_TEXT 16     /* "255.255.255.255" and NUL */
#define ADDR_NET_TEXT 19 /* the same with "/32" */
#define ADDR_MAC_TEXT 18 /* "02:00:00:00:00:01" and NUL */
#define ADDR_DEV_NAME 16 /* IFNAMSIZ */
#define ADDR_ID_MAX 64   /* characters of a VM id */
#define ADDR_TAP_PREFIX "tap-fc-"

/* The host's own address on the guests' network, and how long the network part is. */
struct addr_net {
	uint32_t host;
	unsigned prefix; /* 8 to 30 */
};

/* "172.16.0.1". ERR_INVALID naming it. */
MUST int addr_parse(const char *text, uint32_t *ret, struct err *e);
/* "172.16.0.1/24"; the address must be one a host can have. ERR_INVALID naming it. */
MUST int addr_parse_net(const char *text, struct addr_net *ret, struct err *e);
/* These write into out and return it. */
const char *addr_text(uint32_t a, char out[static ADDR_TEXT]);
const char *addr_net_text(const struct addr_net *net, char out[static ADDR_NET_TEXT]);
const char *addr_mac_text(const uint8_t mac[static 6], char out[static ADDR_MAC_TEXT]);

uint32_t addr_mask(const struct addr_net *net);
/* The nth address of the network, 0 being the network's own; it must be one a guest can have. ERR_INVALID. */
MUST int addr_nth(const struct addr_net *net, uint32_t n, uint32_t *ret, struct err *e);
/* True for the network's addresses but for its first and last and the host's. */
bool addr_is_guest(const struct addr_net *net, uint32_t a);
bool addr_overlap(const struct addr_net *a, const struct addr_net *b);
/* The lowest guest address that is not among the n used ones (in any order, repeats and strangers allowed). ERR_UNAVAILABLE when all are taken. */
MUST int addr_lowest_free(const struct addr_net *net, const uint32_t *used, size_t n, uint32_t *ret, struct err *e);

/* VM ids are lower-case hex digits and dashes with ten digits or more. The MAC is 02 and the first ten digits, the tap's name
 * ADDR_TAP_PREFIX and the first eight, so that both can be told from the id alone. ERR_INVALID. */
MUST int addr_mac(const char *vm_id, uint8_t ret[static 6], struct err *e);
MUST int addr_tap_name(const char *vm_id, char ret[static ADDR_DEV_NAME], struct err *e);
/* The MAC of the guests' bridge: 06:00 and its address, which no guest's can equal. */
void addr_bridge_mac(const struct addr_net *net, uint8_t ret[static 6]);
/* A name the kernel takes for a device: 1 to 15 characters without '/', ':' and white space, not "." or "..". */
bool addr_dev_name_ok(const char *name);
