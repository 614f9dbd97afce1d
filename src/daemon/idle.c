/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/idle.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <linux/netlink.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "daemon/job_end.h"
#include "daemon/objects.h"
#include "daemon/stats.h"
#include "net/netlink.h"
#include "proto/io_banger.h"

/* A guest at rest stays below: timers of its services, a log line now and then, and an emulated processor's own ticks. Bytes are per second. */
enum { LOOK_MIN_MS = 1000, LOOK_MAX_MS = 60000, QUIET_CPU_PERCENT = 15, QUIET_DISK = 64 << 10, QUIET_NET = 1 << 10 };

struct idle_look {
	int64_t at_ms, cpu_ms, disk_bytes, net_bytes;
};

static struct netlink *open_net(void)
{
	struct err ignored = { 0 }; /* without it traffic is not looked at */
	struct netlink *n = NULL;

	return netlink_open(NETLINK_ROUTE, &n, &ignored) < 0 ? NULL : n;
}

/* An ephemeral VM ends with its owner, not before. */
static bool is_concerned(const struct object *o)
{
	return o->kind == LAYOUT_VM && o->vm.state == VM_STATE_RUNNING && !o->vm.ephemeral;
}

/* What it had used when the watching began. */
static void look_begin(struct object *o)
{
	AUTO_DONE(vm_usage_done) struct vm_usage u = { 0 };
	AUTO(netlink_free) struct netlink *net = open_net();

	stats_read(o, net, &u);
	o->idle_look = NEW(struct idle_look);
	*o->idle_look = (struct idle_look){ u.at_ms, u.cpu_ms, u.disk_read_bytes + u.disk_written_bytes, u.net_received_bytes + u.net_sent_bytes };
}

/* Ends the watching; true when it did nothing worth the name meanwhile. */
static bool look_end(struct object *o)
{
	AUTO_DONE(vm_usage_done) struct vm_usage u = { 0 };
	AUTO(netlink_free) struct netlink *net = open_net();
	AUTO_MEM struct idle_look *l = TAKE_PTR(o->idle_look);

	stats_read(o, net, &u);
	int64_t ms = u.at_ms - l->at_ms > 0 ? u.at_ms - l->at_ms : 1;
	int64_t disk = u.disk_read_bytes + u.disk_written_bytes - l->disk_bytes, traffic = u.net_received_bytes + u.net_sent_bytes - l->net_bytes;
	return (u.cpu_ms - l->cpu_ms) * 100 / ms < QUIET_CPU_PERCENT && disk * 1000 / ms < QUIET_DISK && traffic * 1000 / ms < QUIET_NET;
}

static void on_timer(struct loop *l, void *arg)
{
	struct daemon *d = arg;
	int64_t quarter = d->config->auto_stop_ms / 4 > LOOK_MIN_MS ? d->config->auto_stop_ms / 4 : LOOK_MIN_MS;
	char text[32], reason[100];

	d->idle_timer = NULL;
	snprintf(reason, sizeof(reason), "nobody used it for %s (auto_stop_stale_after)", str_duration(d->config->auto_stop_ms, text));
	objects_each(d, o) {
		if (!is_concerned(o) || o->idle_at_ms > time_now_ms())
			continue;
		if (!o->idle_look) {
			look_begin(o);
			o->idle_at_ms = time_now_ms() + (quarter < LOOK_MAX_MS ? quarter : LOOK_MAX_MS);
			continue;
		}
		/* Whether it is busy, or says so when asked: it is looked at again. */
		o->idle_at_ms = time_now_ms() + quarter;
		if (look_end(o) && !o->job)
			job_end_idle(o, reason);
	}
	idle_rearm(d);
}

static void arm(struct daemon *d, int64_t at_ms)
{
	if (d->idle_timer && d->idle_timer_ms <= at_ms)
		return;
	loop_remove(d->loop, d->idle_timer);
	d->idle_timer_ms = at_ms;
	d->idle_timer = loop_add_timer(d->loop, at_ms, on_timer, d);
}

void idle_touch(struct object *o)
{
	o->used_at = (int64_t)time(NULL);
	o->used_ms = time_now_ms();
	free(TAKE_PTR(o->idle_look));
	o->idle_at_ms = o->used_ms + o->daemon->config->auto_stop_ms;
	if (o->daemon->config->auto_stop_ms)
		arm(o->daemon, o->idle_at_ms);
}

void idle_rearm(struct daemon *d)
{
	loop_remove(d->loop, d->idle_timer);
	d->idle_timer = NULL;
	if (!d->config->auto_stop_ms)
		return;
	objects_each(d, o)
		if (is_concerned(o))
			arm(d, o->idle_at_ms);
}
