/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/space.h"

#include <errno.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "daemon/job_end.h"
#include "daemon/objects.h"
#include "store/layout.h"

enum { LOOK_MIN_MS = 100, LOOK_MAX_MS = 10000, PAUSED_MS = 1000, WRITTEN_PER_MS = 2 << 20, RESERVE_PART = 20 };
static const uint64_t reserve_max = 1 << 30;

uint64_t space_reserve(uint64_t total)
{
	return total / RESERVE_PART < reserve_max ? total / RESERVE_PART : reserve_max;
}

bool space_is_low(uint64_t total, uint64_t avail, bool paused)
{
	uint64_t reserve = space_reserve(total);

	return avail < (paused ? 2 * reserve : reserve);
}

int64_t space_interval(uint64_t total, uint64_t avail)
{
	uint64_t reserve = space_reserve(total), ms = avail > reserve ? (avail - reserve) / WRITTEN_PER_MS : 0;

	return ms < LOOK_MIN_MS ? LOOK_MIN_MS : ms > LOOK_MAX_MS ? LOOK_MAX_MS : (int64_t)ms;
}

/* All stores lie below the folder of the VMs' records. */
static MUST int look(uint64_t *ret_total, uint64_t *ret_avail, struct err *e)
{
	AUTO_MEM char *path = layout_records(LAYOUT_VM);
	struct statvfs s;

	if (statvfs(path, &s) < 0)
		return err_sys(e, errno, "free space of '%s'", path);
	*ret_total = (uint64_t)s.f_blocks * s.f_frsize;
	*ret_avail = (uint64_t)s.f_bavail * s.f_frsize;
	return 0;
}

static void hold(struct object *o, uint64_t total, uint64_t avail)
{
	AUTO_MEM char *path = layout_records(LAYOUT_VM);
	char left[16], kept[16];
	AUTO_MEM char *reason = mem_printf("the file system of '%s' has %s left, of which %s are kept free", path, str_bytes(avail, left),
					   str_bytes(space_reserve(total), kept));

	log_warn("VM is paused", "vm", o->vm.name, "why", reason);
	job_end_hold(o, true, reason);
}

static void put_in_line(struct object *o, uint64_t total, uint64_t avail)
{
	bool paused = o->vm.state == VM_STATE_PAUSED, low = space_is_low(total, avail, paused);

	if (o->job || (!low && !paused) || (low && paused && o->held))
		return;
	if (low) {
		hold(o, total, avail);
		return;
	}
	log_info("VM goes on: there is room again", "vm", o->vm.name);
	job_end_hold(o, false, NULL);
}

static void on_timer(struct loop *l, void *arg)
{
	struct daemon *d = arg;
	uint64_t total = 0, avail = 0;
	struct err e = { 0 };
	bool any = false;
	bool held = false; /* or should be */
	int known = look(&total, &avail, &e);

	d->space_timer = NULL;
	if (known < 0)
		log_warn("free space is unknown", "why", e.msg);
	else
		held = space_is_low(total, avail, false);
	objects_each(d, o) {
		if (o->kind != LAYOUT_VM || (o->vm.state != VM_STATE_RUNNING && o->vm.state != VM_STATE_PAUSED))
			continue;
		any = true;
		if (known == 0 && !d->stopping)
			put_in_line(o, total, avail);
		held |= o->vm.state == VM_STATE_PAUSED;
	}
	if (any)
		d->space_timer = loop_add_timer(l, time_now_ms() + (known < 0 ? LOOK_MAX_MS : held ? PAUSED_MS : space_interval(total, avail)), on_timer, d);
}

void space_watch(struct daemon *d)
{
	loop_remove(d->loop, d->space_timer);
	d->space_timer = loop_add_timer(d->loop, time_now_ms(), on_timer, d);
}

int space_check(struct err *e)
{
	AUTO_MEM char *path = layout_records(LAYOUT_VM);
	uint64_t total, avail;
	char left[16], kept[16];

	if (look(&total, &avail, e) < 0)
		return -1;
	if (!space_is_low(total, avail, false))
		return 0;
	err_set(e, ERR_NO_SPACE, "too little space: '%s' has %s left, of which %s are kept free", path, str_bytes(avail, left),
		str_bytes(space_reserve(total), kept));
	return err_hint(e, "free space there, for instance with banger vm delete or banger image delete");
}
