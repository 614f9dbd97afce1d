/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/stats.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/netlink.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "daemon/objects.h"
#include "net/addr.h"
#include "net/link_stats.h"
#include "proto/server.h"

enum { PROC_MAX = 8192 };

static char *read_proc(int64_t pid, const char *name)
{
	AUTO_MEM char *path = mem_printf("/proc/%lld/%s", (long long)pid, name);
	struct err ignored = { 0 }; /* gone, or another user's */
	char *text = NULL;

	return fd_read_file(AT_FDCWD, path, PROC_MAX, &text, NULL, &ignored) < 0 ? NULL : text;
}

/* Fields 14 and 15 (ticks in user and system mode), 22 (start) and 24 (resident pages) of stat; the name in field 2 may hold anything. */
static void add_stat(const struct process *p, struct vm_usage *s)
{
	AUTO_MEM char *text = read_proc(p->pid, "stat");
	const char *at = text ? strrchr(text, ')') : NULL;
	unsigned long long user, system, start;
	long long pages;

	if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %llu %*u %lld", &user, &system, &start,
			   &pages) != 4 ||
	    start != (unsigned long long)p->start_time)
		return;
	s->has_cpu_ms = s->has_memory_bytes = true;
	s->cpu_ms += (int64_t)((user + system) * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK));
	s->memory_bytes += pages * sysconf(_SC_PAGESIZE);
}

static int64_t io_field(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoll(at + strlen(key), NULL, 10) : 0;
}

static void add_io(const struct process *p, struct vm_usage *s)
{
	AUTO_MEM char *text = read_proc(p->pid, "io");

	if (!text)
		return;
	s->has_disk_read_bytes = s->has_disk_written_bytes = true;
	s->disk_read_bytes += io_field(text, "\nread_bytes: ");
	s->disk_written_bytes += io_field(text, "\nwrite_bytes: ");
}

static int64_t allocated(const struct object *o, const char *name)
{
	AUTO_MEM char *path = layout_file(LAYOUT_VM, o->vm.id, name);
	struct stat st;

	return stat(path, &st) < 0 ? 0 : (int64_t)st.st_blocks * 512;
}

int64_t stats_root_bytes(const struct object *o)
{
	return allocated(o, o->vm.root_backend == ROOT_BACKEND_SNAPSHOT ? "root.store" : "root.ext4");
}

int64_t stats_work_bytes(const struct object *o)
{
	return allocated(o, "work.ext4");
}

static void add_net(const struct object *o, struct netlink *net, struct vm_usage *s)
{
	char tap[ADDR_DEV_NAME];
	struct link_counters c;
	struct err ignored = { 0 }; /* no tap, no counters */

	if (!net || o->vm.net == NET_MODE_NONE || addr_tap_name(o->vm.id, tap, &ignored) < 0 || link_counters(net, tap, &c, &ignored) < 0)
		return;
	s->has_net_received_bytes = s->has_net_sent_bytes = true;
	s->net_received_bytes = (int64_t)c.sent_bytes;
	s->net_sent_bytes = (int64_t)c.received_bytes;
}

void stats_read(const struct object *o, struct netlink *net, struct vm_usage *ret)
{
	const struct vm_record *vm = &o->vm;

	*ret = (struct vm_usage){
		.id = mem_strdup(vm->id),
		.name = mem_strdup(vm->name),
		.state = vm->state,
		.at_ms = time_now_ms(),
		.vcpus = vm->vcpus,
		.memory_mib = vm->memory_mib,
		.root_bytes = stats_root_bytes(o),
		.root_mib = vm->root_mib,
		.work_bytes = stats_work_bytes(o),
		.disk_mib = vm->disk_mib,
	};
	for (size_t i = 0; i < vm->n_processes; i++) {
		add_stat(&vm->processes[i], ret);
		add_io(&vm->processes[i], ret);
	}
	if (vm->n_processes)
		add_net(o, net, ret);
}

int on_vm_stats(struct varlink_call *call, const struct vm_stats_in *in, struct vm_stats_out *ret, struct err *e)
{
	struct daemon *d = varlink_call_server_context(call);
	AUTO(netlink_free) struct netlink *net = NULL;
	struct err ignored = { 0 }; /* without it only the network's counters are missing */
	struct object *o;

	if (netlink_open(NETLINK_ROUTE, &net, &ignored) < 0)
		net = NULL;
	for (size_t i = 0; i < in->n_vms; i++) {
		if (object_find(d, LAYOUT_VM, in->vms[i], &o, e) < 0)
			return -1;
		ret->stats = mem_grow(ret->stats, ret->n_stats, sizeof(*ret->stats));
		stats_read(o, net, &ret->stats[ret->n_stats++]);
	}
	if (in->n_vms)
		return 0;
	objects_each(d, each) {
		if (each->kind != LAYOUT_VM)
			continue;
		ret->stats = mem_grow(ret->stats, ret->n_stats, sizeof(*ret->stats));
		stats_read(each, net, &ret->stats[ret->n_stats++]);
	}
	return 0;
}
