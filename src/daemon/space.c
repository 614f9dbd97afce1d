/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/space.h"

#include "base/auto.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/room.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "daemon/job_end.h"
#include "daemon/objects.h"
#include "disk/root.h"
#include "disk/store.h"
#include "store/layout.h"

enum { LOOK_MIN_MS = 100, LOOK_MAX_MS = 10000, PAUSED_MS = 1000, WRITTEN_PER_MS = 2 << 20 };

bool space_is_low(uint64_t total, uint64_t avail, bool paused)
{
	uint64_t reserve = room_reserve(total);

	return avail < (paused ? 2 * reserve : reserve);
}

int64_t space_interval(uint64_t total, uint64_t avail)
{
	uint64_t reserve = room_reserve(total), ms = avail > reserve ? (avail - reserve) / WRITTEN_PER_MS : 0;

	return ms < LOOK_MIN_MS ? LOOK_MIN_MS : ms > LOOK_MAX_MS ? LOOK_MAX_MS : (int64_t)ms;
}

/* All stores lie below the folder of the VMs' records. */
static MUST int look(struct room *ret, struct err *e)
{
	AUTO_MEM char *path = layout_records(LAYOUT_VM);

	return room_look(path, ret, e);
}

static bool is_low(const struct room *r, bool paused)
{
	return space_is_low(r->total_bytes, r->avail_bytes, paused);
}

/* Caller frees. */
static char *reason_of(const struct room *r)
{
	AUTO_MEM char *path = layout_records(LAYOUT_VM);
	AUTO_MEM char *left = room_text(r, path);
	char kept[16];

	return mem_printf("%s, of which %s are kept free", left, str_bytes(room_reserve(r->total_bytes), kept));
}

static void put_in_line(struct object *o, const struct room *r)
{
	bool paused = o->vm.state == VM_STATE_PAUSED, low = is_low(r, paused);

	if (o->job || (!low && !paused) || (low && paused && o->held))
		return;
	if (!low) {
		log_info("VM goes on: there is room again", "vm", o->vm.name);
		job_end_hold(o, false, NULL);
		return;
	}
	AUTO_MEM char *reason = reason_of(r);
	log_warn("VM is paused", "vm", o->vm.name, "why", reason);
	job_end_hold(o, true, reason);
}

/* Its guest's kernel could not write to its store, and gave it up: all that the guest gets from its root are errors. */
static void look_at_store(struct object *o)
{
	AUTO_MEM char *path = layout_file(LAYOUT_VM, o->vm.id, disk_root_name(DISK_SNAPSHOT));

	if (o->job || o->vm.reason || o->vm.state != VM_STATE_RUNNING || o->vm.root_backend != ROOT_BACKEND_SNAPSHOT || !disk_store_failed(path))
		return;
	AUTO_MEM char *reason = mem_printf("a write to its root has failed, and nothing more is kept there: banger vm restart %s checks it", o->vm.name);
	log_warn("VM has lost its root", "vm", o->vm.name, "why", reason);
	job_end_note(o, reason);
}

static void on_timer(struct loop *l, void *arg)
{
	struct daemon *d = arg;
	struct room room = { 0 };
	struct err e = { 0 };
	bool any = false;
	bool held = false; /* or should be */
	int known = look(&room, &e);

	d->space_timer = NULL;
	if (known < 0)
		log_warn("free space is unknown", "why", e.msg);
	else
		held = is_low(&room, false);
	objects_each(d, o) {
		if (o->kind != LAYOUT_VM || (o->vm.state != VM_STATE_RUNNING && o->vm.state != VM_STATE_PAUSED))
			continue;
		any = true;
		if (!d->stopping)
			look_at_store(o);
		if (known == 0 && !d->stopping)
			put_in_line(o, &room);
		held |= o->vm.state == VM_STATE_PAUSED;
	}
	if (any)
		d->space_timer = loop_add_timer(l, time_now_ms() + (known < 0 ? LOOK_MAX_MS : held ? PAUSED_MS : space_interval(room.total_bytes, room.avail_bytes)),
						on_timer, d);
}

void space_watch(struct daemon *d)
{
	loop_remove(d->loop, d->space_timer);
	d->space_timer = loop_add_timer(d->loop, time_now_ms(), on_timer, d);
}

int space_check(struct err *e)
{
	struct room room;

	if (look(&room, e) < 0)
		return -1;
	if (!is_low(&room, false))
		return 0;
	AUTO_MEM char *reason = reason_of(&room);
	err_set(e, ERR_NO_SPACE, "too little space: %s", reason);
	return err_hint(e, "free space there, for instance with banger vm delete or banger image delete");
}
