/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What the names in .vm are and whose the addresses of the guests' network are. Pure; built anew when VMs come or go. */

#include <stddef.h>
#include <stdint.h>

#define DNS_LABEL_MAX 63
#define DNS_DOMAIN "vm" /* VMs are NAME.vm */

/* One VM: name is the caller's and outlives the zone, of a-z, 0-9 and '-', DNS_LABEL_MAX characters at most. The address is in host order. */
struct dns_host {
	const char *name;
	uint32_t address;
};

/* zone vm, and the reverse of the network that address and prefix (8 to 30) name. */
struct dns_zone {
	struct dns_host *by_name, *by_address;
	size_t n;
	uint32_t network;
	unsigned prefix;
	uint32_t serial;
};

/* Takes hosts, an array of n from mem_array. */
void dns_zone_set(struct dns_zone *z, struct dns_host *hosts, size_t n);
void dns_zone_done(struct dns_zone *z);
/* name in any case, n characters. NULL if there is none. */
const struct dns_host *dns_zone_by_name(const struct dns_zone *z, const char *name, size_t n);
const struct dns_host *dns_zone_by_address(const struct dns_zone *z, uint32_t address);
