/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/objects.h"

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "daemon/console.h"
#include "daemon/daemon.h"
#include "daemon/dns.h"
#include "daemon/hello.h"
#include "daemon/watch.h"
#include "store/record.h"

enum { KEEP_MS = 1000 };

static const struct json_type *const types[LAYOUT_KIND_COUNT] = { &vm_record_type, &image_record_type, &kernel_record_type };
static const size_t sizes[LAYOUT_KIND_COUNT] = { sizeof(struct vm_record), sizeof(struct image_record), sizeof(struct kernel_record) };

const char *object_id(const struct object *o)
{
	return o->kind == LAYOUT_VM ? o->vm.id : o->kind == LAYOUT_IMAGE ? o->image.id : o->kernel.id;
}

const char *object_name(const struct object *o)
{
	return o->kind == LAYOUT_VM ? o->vm.name : o->kind == LAYOUT_IMAGE ? o->image.name : o->kernel.name;
}

struct journal_entry **object_journal(struct object *o, size_t **ret_n)
{
	*ret_n = o->kind == LAYOUT_VM ? &o->vm.n_journal : o->kind == LAYOUT_IMAGE ? &o->image.n_journal : &o->kernel.n_journal;
	return o->kind == LAYOUT_VM ? &o->vm.journal : o->kind == LAYOUT_IMAGE ? &o->image.journal : &o->kernel.journal;
}

struct object *object_add(struct daemon *d, enum layout_kind kind, void *record)
{
	struct object *o = NEW(struct object);

	o->daemon = d;
	o->kind = kind;
	memcpy(&o->vm, record, sizes[kind]);
	memset(record, 0, sizes[kind]);
	list_add_tail(&d->objects, &o->link);
	return o;
}

static void object_free(struct object *o)
{
	watch_stop(o);
	hello_stop(o);
	console_unwatch(o);
	free(o->idle_look);
	loop_remove(o->daemon->loop, o->keep_timer);
	list_remove(&o->link);
	json_done(types[o->kind], &o->vm);
	free(o);
}

/* A note that cannot be removed would stand for newer records at the daemon's next start. */
static MUST int unnote(struct object *o, struct err *e)
{
	if (!o->noted)
		return 0;
	loop_remove(o->daemon->loop, o->keep_timer);
	o->keep_timer = NULL;
	if (record_unnote(o->vm.id, e) < 0)
		return err_wrap(e, "save VM '%s'", o->vm.name);
	o->noted = false;
	return 0;
}

int object_save(struct object *o, struct err *e)
{
	if (o->kind == LAYOUT_VM)
		dns_changed(o->daemon);
	if (record_save(o->kind, object_id(o), types[o->kind], &o->vm, e) < 0)
		return err_wrap(e, "save %s '%s'", layout_kind_text(o->kind), object_name(o));
	return unnote(o, e);
}

static void keep(struct object *o)
{
	struct err e = { 0 };

	if (o->noted && object_save(o, &e) < 0)
		log_error("record is noted, but not saved", "vm", object_name(o), "why", e.msg);
}

static void on_keep_timer(struct loop *l, void *arg)
{
	struct object *o = arg;

	o->keep_timer = NULL;
	keep(o);
}

static void mark_noted(struct object *o)
{
	o->noted = true;
	loop_remove(o->daemon->loop, o->keep_timer);
	o->keep_timer = loop_add_timer(o->daemon->loop, time_now_ms() + KEEP_MS, on_keep_timer, o);
}

int object_note(struct object *o, struct err *e)
{
	dns_changed(o->daemon);
	if (record_note(o->vm.id, types[LAYOUT_VM], &o->vm, e) < 0)
		return err_wrap(e, "note VM '%s'", o->vm.name);
	mark_noted(o);
	return 0;
}

void objects_keep(struct daemon *d)
{
	objects_each(d, o)
		keep(o);
}

/* Another VM may get the name, and it has other host keys. */
static void forget_host_keys(const struct object *o)
{
	AUTO_MEM char *name = mem_printf("%s.vm", o->vm.name), *id = mem_printf("%s.vm", o->vm.id);
	AUTO_MEM char *by_name = layout_ssh_known_hosts(name), *by_id = layout_ssh_known_hosts(id);
	struct err why = { 0 };

	if (path_remove(by_name, &why) < 0 || path_remove(by_id, &why) < 0)
		log_warn("host keys stay known", "vm", o->vm.name, "why", why.msg);
}

void object_forget(struct object *o)
{
	bool vm = o->kind == LAYOUT_VM;
	struct daemon *d = o->daemon;

	object_free(o);
	if (vm)
		dns_changed(d);
}

int object_remove(struct object *o, struct err *e)
{
	if (o->kind == LAYOUT_VM)
		forget_host_keys(o);
	if (record_remove(o->kind, object_id(o), e) < 0 || unnote(o, e) < 0)
		return err_wrap(e, "remove %s '%s'", layout_kind_text(o->kind), object_name(o));
	if (o->kind == LAYOUT_VM)
		dns_changed(o->daemon);
	object_free(o);
	return 0;
}

struct loading {
	struct daemon *d;
	enum layout_kind kind;
};

static void on_record(void *record, void *arg)
{
	struct loading *l = arg;

	object_add(l->d, l->kind, record);
	free(record);
}

static void on_bad_record(const char *path, const struct err *why, void *arg)
{
	log_error("record cannot be read and is left alone", "file", path, "why", why->msg);
}

static void on_note(void *record, void *arg)
{
	struct vm_record *vm = record;
	struct daemon *d = arg;
	struct object *o = object_by_id(d, LAYOUT_VM, vm->id);
	struct err e = { 0 };

	if (o) {
		json_done(types[LAYOUT_VM], &o->vm);
		o->vm = *vm;
		mark_noted(o);
	} else { /* deleted meanwhile */
		if (record_unnote(vm->id, &e) < 0)
			log_warn("note stays", "vm", vm->name, "why", e.msg);
		json_done(types[LAYOUT_VM], vm);
	}
	free(vm);
}

static void on_bad_note(const char *path, const struct err *why, void *arg)
{
	log_error("note cannot be read; the record holds", "file", path, "why", why->msg);
}

int objects_load(struct daemon *d, bool new_boot, struct err *e)
{
	for (int k = 0; k < LAYOUT_KIND_COUNT; k++) {
		struct loading l = { d, k };
		if (record_load_all(k, types[k], sizes[k], on_record, on_bad_record, &l, e) < 0)
			return -1;
	}
	if (new_boot)
		return record_unnote_all(e);
	return record_load_noted(types[LAYOUT_VM], sizes[LAYOUT_VM], on_note, on_bad_note, d, e);
}

void objects_free(struct daemon *d)
{
	objects_each(d, o)
		object_free(o);
}

struct object *object_by_id(struct daemon *d, enum layout_kind kind, const char *id)
{
	objects_each(d, o)
		if (o->kind == kind && str_eq(object_id(o), id))
			return o;
	return NULL;
}

bool object_name_taken(struct daemon *d, enum layout_kind kind, const char *name)
{
	objects_each(d, o)
		if (o->kind == kind && str_eq(object_name(o), name))
			return true;
	return false;
}

static int ambiguous(struct daemon *d, enum layout_kind kind, const char *ref, struct err *e)
{
	AUTO_DONE(str_done) struct str names = STR_INIT;

	objects_each(d, o)
		if (o->kind == kind && str_starts(object_id(o), ref))
			str_addf(&names, "%s%s", names.len ? ", " : "", object_name(o));
	err_set(e, ERR_INVALID, "'%s' begins the id of several: %.200s", ref, names.data);
	return err_hint(e, "use a name, or more of the id");
}

int object_find(struct daemon *d, enum layout_kind kind, const char *ref, struct object **ret, struct err *e)
{
	static const char *const lists[] = { "banger vm list", "banger image list", "banger kernel list" };
	struct object *found = NULL;
	int n = 0;

	objects_each(d, o) {
		if (o->kind != kind)
			continue;
		if (str_eq(object_name(o), ref) || str_eq(object_id(o), ref)) {
			*ret = o;
			return 0;
		}
		if (strlen(ref) >= 4 && str_starts(object_id(o), ref)) {
			found = o;
			n++;
		}
	}
	if (n > 1)
		return ambiguous(d, kind, ref, e);
	if (n == 1) {
		*ret = found;
		return 0;
	}
	err_set(e, ERR_NOT_FOUND, "no %s named '%.100s'", layout_kind_text(kind), ref);
	return err_hint(e, "%s", lists[kind]);
}
