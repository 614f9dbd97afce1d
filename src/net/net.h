/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The door of the room for the helper: a guest's whole network in one call, in the caller's network namespace. Every act can be repeated. Device names,
 * MAC and rules follow from the VM's id (net/addr.h); what is ours is told by device aliases, "banger OWNER ..." */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"
#include "net/addr.h"
#include "net/firewall.h"

#define NET_OWNER_MAX 120 /* characters that count, the last ones */

struct net; /* the sockets and whose network it is; one for a process */

/* From installation or start arguments, never from a request. */
struct net_conf {
	const char *bridge; /* "br-fc", or "br-fc-" and more */
	struct addr_net net;
	const char *owner;  /* whose banger this is, "0:/var/lib/banger"; what is no letter, digit or one of .:_/- becomes _ */
	uint32_t mtu;       /* 0: the kernel's default */
};

struct net_vm {
	const char *id;    /* see addr_tap_name */
	uint32_t address;  /* addr_is_guest of the network */
	bool nat;          /* may open connections to the outside */
	uint32_t uid, gid; /* who may open the tap by name; UINT32_MAX leaves one open */
};

/* One tap of ours, as net_list finds it. */
struct net_entry {
	char id[ADDR_ID_MAX + 1];
	char tap[ADDR_DEV_NAME];
	uint32_t address;
	bool nat;
	bool attached; /* in the bridge, isolated and up */
	bool guarded;  /* the rules at the tap, and the bridge's, are there */
	bool in_use;   /* a VMM has it open */
};

/* Copies conf; makes nothing yet. ERR_INVALID for a bad name, ERR_UNAVAILABLE when the kernel has no nftables. */
MUST int net_open(const struct net_conf *conf, struct net **ret, struct err *e);
void net_free(struct net *n);
AUTO_DEFINE(struct net, net_free);

/* Bridge, tap, rules, in this order and the tap up last, so that no frame passes unchecked; with nat IP forwarding is turned on. Called again it brings all to
 * what vm says (another address only while no VMM uses the tap: ERR_BUSY). A bridge that another banger left behind without a guest is taken over.
 * *ret_tap_fd is an open tap (virtio-net headers) for a VMM that takes a descriptor, the caller's; a VMM that opens the tap by name needs it
 * closed first, since a tap has one user. It is -1 when a VMM has the tap open already. ret_tap_fd may be NULL.
 * ERR_EXISTS when bridge, network or tap are another's, ERR_INVALID for a bad id or address, ERR_UNAVAILABLE when the kernel lacks
 * taps or nftables, ERR_DENIED without CAP_NET_ADMIN. What a failing call made is removed. */
MUST int net_attach(struct net *n, const struct net_vm *vm, int *ret_tap_fd, struct err *e);
/* Removes the guest's rules and tap, with the last guest the tables and the bridge too, and turns IP forwarding off again if we turned it on and
 * no other bridge has come since. address 0: read from the tap's alias. What another owner made is left alone. Takes the kernel some 20 ms. */
MUST int net_detach(struct net *n, const char *vm_id, uint32_t address, struct err *e);
/* The taps of this owner. Caller frees *ret. */
MUST int net_list(struct net *n, struct net_entry **ret, size_t *ret_n, struct err *e);
/* Chains of others in the guests' way; see net/firewall.h and net/firewall_legacy.h. */
MUST int net_firewalls(struct net *n, struct firewall ret[static FIREWALLS_MAX], size_t *ret_n, struct err *e);
/* Removes all of this owner's at once. */
MUST int net_remove_all(struct net *n, struct err *e);
/* Is there the right to make taps and rules, and the kernel's parts for it? Makes nothing. The error says what is missing. */
MUST int net_probe(struct net *n, struct err *e);
/* Is nobody else on the bridge's name and network? Makes nothing. ERR_EXISTS names who is. */
MUST int net_check_free(struct net *n, struct err *e);
