/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The kernel's tables of sockets, /proc/net/{tcp,tcp6,udp,udp6} (docs.kernel.org/networking/proc_net_tcp.html). */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum socket_state { SOCKET_ESTABLISHED = 1, SOCKET_UNCONNECTED = 7, SOCKET_LISTEN = 10 };

/* One line of them. address is 0 for any; IPv4 in its first word as the kernel holds it (network order). */
struct socket_line {
	bool v6;
	union {
		struct in_addr v4;
		struct in6_addr v6_address;
	};
	uint16_t port;
	unsigned state; /* enum socket_state and others */
	uint64_t inode;
};

/* Reads the line that text points at. False for a heading, or anything else that is no socket. */
bool socket_line_parse(const char *text, bool v6, struct socket_line *ret);
/* Calls fn for each socket of a table, "tcp6"; none when the kernel has no such table. */
void sockets_each(const char *table, void (*fn)(const struct socket_line *line, void *arg), void *arg);
/* Whether anybody listens at a TCP port. */
bool sockets_listening(uint16_t port);
