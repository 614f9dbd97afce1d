/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The table of VMs, images and kernels with their locks, as the records on disk say. Nothing else in the daemon holds state. */

#include <stdbool.h>

#include "base/list.h"
#include "proto/io_banger.h"
#include "store/layout.h"

struct job;
struct daemon;
struct idle_look;
struct loop_source;

/* One of them; job is the operation that holds it, NULL when none does. */
struct object {
	struct list link;
	struct daemon *daemon;
	enum layout_kind kind;
	union {
		struct vm_record vm;
		struct image_record image;
		struct kernel_record kernel;
	};
	struct job *job;
	/* VMs only (daemon/watch, daemon/hello). */
	struct watch *watch;
	struct hello *hello;
	int console_wd;      /* daemon/console */
	bool console_dirty;
	bool ready;          /* said hello since the last start */
	bool reboot;         /* said it leaves to come back */
	bool left;           /* said it leaves for good */
	bool noted;          /* its record on disk is older than the note in the run folder */
	struct loop_source *keep_timer; /* when the note becomes the record */
	bool held;           /* paused, and its VMM has confirmed that to this daemon */
	/* daemon/idle: last use by both clocks, and when it is asked whether it is idle. */
	int64_t used_at, used_ms, idle_at_ms;
	struct idle_look *idle_look; /* while it is watched before its stop */
};

const char *object_id(const struct object *o);
const char *object_name(const struct object *o);
/* The record's journal, to be appended to or dropped. */
struct journal_entry **object_journal(struct object *o, size_t **ret_n);

/* Reads all records and, unless the boot is a new one, their notes. Bad records are logged and left on disk. */
MUST int objects_load(struct daemon *d, bool new_boot, struct err *e);
/* Saves what is only noted. */
void objects_keep(struct daemon *d);
void objects_free(struct daemon *d);
/* A new one in the table, not yet on disk; takes what *record (of the kind's type) holds. */
struct object *object_add(struct daemon *d, enum layout_kind kind, void *record);
MUST int object_save(struct object *o, struct err *e);
/* Saves a VM's record for this boot of the host only, without a sync; a second later it is saved on disk too, unless something else has been till then. For what a
 * boot's end undoes by itself: that is then as if it had not been. */
MUST int object_note(struct object *o, struct err *e);
/* Removes record and table entry; o is gone afterwards. */
MUST int object_remove(struct object *o, struct err *e);
/* Removes the table entry only: for one whose record cannot be written or removed; o is gone afterwards. */
void object_forget(struct object *o);
/* By name, id, or unique id prefix (four characters or more). ERR_NOT_FOUND, or ERR_INVALID for an ambiguous prefix, which lists the names. */
MUST int object_find(struct daemon *d, enum layout_kind kind, const char *ref, struct object **ret, struct err *e);
/* By exact id; NULL if none. */
struct object *object_by_id(struct daemon *d, enum layout_kind kind, const char *id);
bool object_name_taken(struct daemon *d, enum layout_kind kind, const char *name);

#define objects_each(d, o) \
	for (struct list *it_ = (d)->objects.next, *n_ = it_->next; it_ != &(d)->objects; it_ = n_, n_ = it_->next) \
		for (struct object *o = list_entry(it_, struct object, link); o; o = NULL)
