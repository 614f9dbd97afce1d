/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports: who listens, by the kernel's tables and the sockets that processes hold. */
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sockets.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "proto/io_banger_agent.h"

enum { PORTS_MAX = 1024, COMM_MAX = 64 };

struct listener {
	struct socket_line line;
	const char *protocol;
	bool any;
	int64_t pid; /* 0: nobody's that we can see */
};

struct listeners {
	struct listener *items;
	size_t n;
	const char *protocol;
};

static void add(const struct socket_line *line, void *arg)
{
	struct listeners *all = arg;
	bool tcp = str_eq(all->protocol, "tcp");
	static const struct in6_addr any6 = IN6ADDR_ANY_INIT;

	if (line->state != (tcp ? SOCKET_LISTEN : SOCKET_UNCONNECTED) || !line->port || all->n == PORTS_MAX)
		return;
	all->items = mem_grow(all->items, all->n, sizeof(*all->items));
	all->items[all->n++] = (struct listener){
		.line = *line,
		.protocol = all->protocol,
		.any = line->v6 ? memcmp(&line->v6_address, &any6, sizeof(any6)) == 0 : line->v4.s_addr == 0,
	};
}

/* The smallest pid holds it, but for PID 1, which hands sockets to the services it starts. */
static void take_holder(struct listeners *all, uint64_t inode, int64_t pid)
{
	for (size_t i = 0; i < all->n; i++) {
		struct listener *l = &all->items[i];
		if (l->line.inode == inode && (!l->pid || l->pid == 1 || (pid != 1 && pid < l->pid)))
			l->pid = pid;
	}
}

static void look_at_process(struct listeners *all, int64_t pid)
{
	char path[64], target[64];
	uint64_t inode;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/fd", pid);
	DIR *d = opendir(path);
	struct dirent *entry;
	while (d && (entry = readdir(d))) {
		n = readlinkat(dirfd(d), entry->d_name, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = 0;
		if (sscanf(target, "socket:[%" SCNu64 "]", &inode) == 1)
			take_holder(all, inode, pid);
	}
	if (d)
		closedir(d);
}

static void find_holders(struct listeners *all)
{
	DIR *d = all->n ? opendir("/proc") : NULL;
	struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (isdigit((unsigned char)entry->d_name[0]))
			look_at_process(all, strtoll(entry->d_name, NULL, 10));
	if (d)
		closedir(d);
}

static char *address_text(const struct listener *l)
{
	char text[INET6_ADDRSTRLEN];

	if (l->any)
		return mem_strdup("*");
	if (l->line.v6 && IN6_IS_ADDR_V4MAPPED(&l->line.v6_address))
		return mem_strdup(inet_ntop(AF_INET, l->line.v6_address.s6_addr + 12, text, sizeof(text)));
	return mem_strdup(inet_ntop(l->line.v6 ? AF_INET6 : AF_INET, l->line.v6 ? (const void *)&l->line.v6_address : &l->line.v4, text, sizeof(text)));
}

static char *process_name(int64_t pid)
{
	AUTO_MEM char *text = NULL;
	struct err ignored = { 0 }; /* it has ended meanwhile */
	char path[64];

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/comm", pid);
	if (!pid || fd_read_file(AT_FDCWD, path, COMM_MAX, &text, NULL, &ignored) < 0)
		return NULL;
	return mem_strndup(text, strcspn(text, "\n"));
}

static bool same(const struct port *p, const struct listener *l, const char *address)
{
	return str_eq(p->protocol, l->protocol) && p->port == l->line.port && str_eq(p->address, address) && p->pid == l->pid;
}

/* What listens by IPv4 and by IPv6, or several times (SO_REUSEPORT), is one. */
static void report(const struct listener *l, struct ports_out *ret)
{
	AUTO_MEM char *address = address_text(l);

	for (size_t i = 0; i < ret->n_ports; i++)
		if (same(&ret->ports[i], l, address))
			return;
	ret->ports = mem_grow(ret->ports, ret->n_ports, sizeof(*ret->ports));
	ret->ports[ret->n_ports++] = (struct port){
		.protocol = mem_strdup(l->protocol),
		.address = TAKE_PTR(address),
		.port = l->line.port,
		.process = process_name(l->pid),
		.has_pid = l->pid > 0,
		.pid = l->pid,
	};
}

static int by_port(const void *a, const void *b)
{
	const struct port *x = a, *y = b;
	int r = strcmp(x->protocol, y->protocol);

	return r ? r : x->port != y->port ? (x->port < y->port ? -1 : 1) : strcmp(x->address, y->address);
}

int on_ports(struct varlink_call *call, const struct ports_in *in, struct ports_out *ret, struct err *e)
{
	struct listeners all = { .protocol = "tcp" };

	sockets_each("tcp", add, &all);
	sockets_each("tcp6", add, &all);
	all.protocol = "udp";
	sockets_each("udp", add, &all);
	sockets_each("udp6", add, &all);
	find_holders(&all);
	for (size_t i = 0; i < all.n; i++)
		report(&all.items[i], ret);
	if (ret->n_ports)
		qsort(ret->ports, ret->n_ports, sizeof(*ret->ports), by_port);
	free(all.items);
	return 0;
}
