/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Shared by daemon/dns.c and daemon/dns_tcp.c. */

#include <stdbool.h>

#include "base/list.h"
#include "dns/wire.h"

enum { DNS_BATCH = 32, DNS_QUERY_MAX = 4096 };

struct daemon;
struct dns_packets;
struct loop_source;

struct dns_server {
	struct daemon *daemon;
	char *where; /* as configured */
	int udp, tcp;
	struct loop_source *udp_source, *tcp_source;
	struct dns_packets *packets;
	struct list connections; /* the one that has been silent for longest first */
	int n_connections;
	struct dns_zone zone;
	bool stale;
};

/* The zone as VMs are now. */
const struct dns_zone *dns_server_zone(struct dns_server *s);
MUST int dns_tcp_listen(struct dns_server *s, struct err *e);
void dns_tcp_close(struct dns_server *s);
