/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/job_end.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/console.h"
#include "daemon/daemon.h"
#include "daemon/hello.h"
#include "daemon/idle.h"
#include "daemon/job_reply.h"
#include "daemon/jobs.h"
#include "daemon/objects.h"
#include "daemon/space.h"
#include "daemon/watch.h"
#include "proto/server.h"

/* A save that fails leaves the older state on disk, which the next start heals; the daemon goes on with what it knows. */
static void save_or_log(struct object *o)
{
	struct err e = { 0 };

	if (object_save(o, &e) < 0)
		log_error("record not saved", "object", object_name(o), "why", e.msg);
}

static void remove_or_log(struct object *o)
{
	struct err e = { 0 };

	if (object_remove(o, &e) < 0)
		log_error("record not removed", "object", object_name(o), "why", e.msg);
}

static void drop_journal(struct object *o)
{
	size_t *n;
	struct journal_entry **j = object_journal(o, &n);

	for (size_t i = 0; i < *n; i++)
		journal_entry_done(&(*j)[i]);
	free(*j);
	*j = NULL;
	*n = 0;
}

static void set_text(char **at, const char *text)
{
	free(*at);
	*at = mem_strdup(text);
}

void job_end_forget(struct object *o)
{
	drop_journal(o);
	set_text(o->kind == LAYOUT_VM ? &o->vm.operation : o->kind == LAYOUT_IMAGE ? &o->image.operation : &o->kernel.operation, NULL);
}

void job_end_reason(struct object *o, const char *why)
{
	set_text(o->kind == LAYOUT_VM ? &o->vm.reason : o->kind == LAYOUT_IMAGE ? &o->image.reason : &o->kernel.reason, why);
}

static void set_error(struct object *o, const struct err *why)
{
	if (o->kind == LAYOUT_VM)
		o->vm.state = VM_STATE_ERROR;
	else if (o->kind == LAYOUT_IMAGE)
		o->image.state = IMAGE_STATE_ERROR;
	else
		o->kernel.state = IMAGE_STATE_ERROR;
	job_end_reason(o, why->msg);
}

/* No VMM any more: nothing to watch, nothing to listen for. */
static void vm_rests(struct object *o, enum vm_state state)
{
	watch_stop(o);
	hello_stop(o);
	console_unwatch(o);
	free(o->vm.processes);
	o->vm.processes = NULL;
	o->vm.n_processes = 0;
	set_text(&o->vm.vmm, NULL);
	o->vm.state = state;
	if (o->vm.has_started_at && state == VM_STATE_STOPPED) {
		o->vm.has_stopped_at = true;
		o->vm.stopped_at = (int64_t)time(NULL);
	}
	if (o->vm.ephemeral)
		watch_start(o);
}

static void apply_vm(struct object *o, const struct job *j, const struct vm_record *to)
{
	o->vm.vcpus = to->vcpus;
	o->vm.memory_mib = to->memory_mib;
	o->vm.disk_mib = to->disk_mib;
	o->vm.root_mib = to->root_mib;
	o->vm.root_backend = to->root_backend;
	if (to->n_processes) {
		set_text(&o->vm.vmm, to->vmm);
		set_text(&o->vm.confined, to->confined);
		/* A signal that did not end it is no new start, and wakes nobody. */
		bool kill = str_eq(j->method, "io.banger.VmKill");
		o->held = str_eq(j->method, "io.banger.Hold") || (kill && j->before.state == VM_STATE_PAUSED);
		o->vm.state = o->held ? VM_STATE_PAUSED : VM_STATE_RUNNING;
		space_watch(o->daemon);
		if (o->held)
			return;
		if (!kill && !str_eq(j->method, "io.banger.Resume"))
			o->vm.started_at = (int64_t)time(NULL);
		o->vm.has_started_at = true;
		o->vm.has_stopped_at = false;
		job_end_reason(o, NULL);
		idle_touch(o);
		return;
	}
	if (o->left || j->reason)
		job_end_reason(o, j->reason);
	vm_rests(o, o->vm.has_started_at ? VM_STATE_STOPPED : VM_STATE_CREATED);
}

static void apply_image(struct image_record *o, const struct image_record *to)
{
	o->state = IMAGE_STATE_READY;
	o->used_bytes = to->used_bytes;
	o->size_bytes = to->size_bytes;
	set_text(&o->digest, to->digest);
	set_text(&o->os, to->os);
	o->has_init = to->has_init;
}

static void apply_kernel(struct kernel_record *o, const struct kernel_record *to)
{
	o->state = IMAGE_STATE_READY;
	set_text(&o->release, to->release);
	set_text(&o->digest, to->digest);
	o->has_modules = to->has_modules;
	o->has_snapshot = to->has_snapshot;
	o->has_pvh = to->has_pvh;
	o->size_bytes = to->size_bytes;
}

/* The object is free again. The job lives on until its worker has exited. */
static void let_go(struct job *j)
{
	j->object->job = NULL;
	j->object = NULL;
	j->done = true;
}

static bool is_hold(const struct job *j)
{
	return str_eq(j->method, "io.banger.Hold") || str_eq(j->method, "io.banger.Resume");
}

/* After a boot's end the record that was saved while the guest booted says as much, and a VM of --rm is gone anyway. */
static bool note_will_do(const struct job *j)
{
	const struct object *o = j->object;
	bool started = str_eq(j->method, "io.banger.VmStart") || str_eq(j->method, "io.banger.VmRestart");

	return o->kind == LAYOUT_VM && o->vm.state == VM_STATE_RUNNING && ((started && !o->noted) || (o->vm.ephemeral && str_eq(j->method, "io.banger.VmCreate")));
}

int job_finish(struct job *j, const struct finish_in *in, struct err *e)
{
	struct object *o = j->object;
	bool given = in->vm || in->image || in->kernel;

	if (!o || j->done)
		return err_set(e, ERR_INVALID, "this job has ended");
	if (j->undoing) {
		j->undone = true;
		return 0;
	}
	if ((o->kind == LAYOUT_VM && in->image) || (o->kind != LAYOUT_VM && in->vm) || (o->kind == LAYOUT_IMAGE && in->kernel) ||
	    (o->kind == LAYOUT_KERNEL && in->image))
		return err_set(e, ERR_INVALID, "the result is of another kind");
	if (in->warning) {
		char *both = j->warning ? mem_printf("%s; %s", j->warning, in->warning) : mem_strdup(in->warning);

		free(j->warning);
		j->warning = both;
	}
	job_end_forget(o);
	if (!given) {
		AUTO_MEM char *name = mem_strdup(object_name(o));

		let_go(j);
		if (object_remove(o, e) < 0) {
			job_reply_failure(j, e);
			return -1;
		}
		log_info("operation ends", "op", j->id, "object", name);
		job_reply_result(j, NULL);
		return 0;
	}
	if (in->vm)
		apply_vm(o, j, in->vm);
	else if (in->image)
		apply_image(&o->image, in->image);
	else
		apply_kernel(&o->kernel, in->kernel);
	if (is_hold(j)) { /* a disk that is full must not make it look as if nothing had been done */
		save_or_log(o);
	} else if ((note_will_do(j) ? object_note(o, e) : object_save(o, e)) < 0) {
		j->failure = *e;
		return -1;
	}
	log_info("operation ends", "op", j->id, "object", object_name(o));
	let_go(j);
	job_reply_result(j, o);
	if (o->kind == LAYOUT_VM)
		job_end_settle(o);
	return 0;
}

void job_failed(struct job *j, const struct err *why)
{
	if (!j->done && !j->undoing)
		j->failure = *why;
	else if (j->undoing)
		log_error("undo failed", "op", j->id, "object", object_name(j->object), "why", why->msg);
}

/* Puts the object to rest after a failure; it may be gone afterwards. Returns it or NULL. */
static struct object *rest(struct job *j)
{
	struct object *o = j->object;
	enum vm_state before = j->before.state;

	o->job = NULL;
	if (j->undoing && !j->undone) {
		set_error(o, &j->failure);
		save_or_log(o);
		return o;
	}
	switch (j->on_failure) {
	case JOB_REMOVES:
		remove_or_log(o);
		return NULL;
	case JOB_RELEASES:
		job_end_forget(o);
		job_end_reason(o, j->failure.msg);
		vm_rests(o, before == VM_STATE_CREATED ? before : VM_STATE_STOPPED);
		break;
	case JOB_RESTORES:
		vm_record_done(&o->vm);
		vm_record_copy(&o->vm, &j->before);
		break;
	case JOB_ERROR:
		job_end_forget(o);
		set_error(o, &j->failure);
		break;
	}
	save_or_log(o);
	return o;
}

void job_end_failed(struct job *j)
{
	struct object *o = j->object;

	log_warn("operation failed", "op", j->id, "object", object_name(o), "why", j->failure.msg, "undone", j->undoing ? "tried" : "not yet");
	if (!j->undoing && (j->on_failure == JOB_REMOVES || j->on_failure == JOB_RELEASES)) {
		j->undoing = true;
		j->cancelled = false;
		job_run(j);
		return;
	}
	bool vm = o->kind == LAYOUT_VM;
	o = rest(j);
	j->object = NULL;
	j->done = true;
	job_reply_failure(j, &j->failure);
	/* Without a worker nobody else frees the job. */
	if (j->pidfd < 0)
		job_free(j);
	if (vm && o)
		job_end_settle(o);
}

/* An operation the daemon begins by itself. */
void job_end_begin(struct object *o, const char *method, const char *params, enum vm_state state, enum job_failure on_failure)
{
	struct job_begin how = { .method = method, .params = params, .on_failure = on_failure };
	struct err e = { 0 };
	struct job *j;

	if (job_new(o, &how, &j, &e) < 0) {
		log_error("cannot begin", "method", method, "object", object_name(o), "why", e.msg);
		return;
	}
	if (o->kind == LAYOUT_VM)
		o->vm.state = state;
	save_or_log(o);
	job_run(j);
}

void job_end_params(const struct object *o, char out[static 64])
{
	snprintf(out, 64, "{\"vm\":\"%s\"}", o->vm.id);
}

/* An init without our agent's word: its kernel's counts. */
static void hear_last_word(struct object *o)
{
	enum console_word word = o->left || o->reboot ? CONSOLE_OTHER : console_word_of(o);

	o->left |= word == CONSOLE_HALTED;
	o->reboot |= word == CONSOLE_RESTARTED;
}

void job_end_settle(struct object *o)
{
	bool runs = o->vm.state == VM_STATE_RUNNING || o->vm.state == VM_STATE_PAUSED, owned = watch_owner_alive(o);
	char params[64];

	if (o->job || o->daemon->stopping)
		return;
	job_end_params(o, params);
	if (runs && watch_vmm_alive(o) && owned)
		return;
	if (runs)
		hear_last_word(o);
	if (o->vm.ephemeral && (!owned || runs || o->vm.state == VM_STATE_STOPPED)) {
		job_end_begin(o, "io.banger.VmDelete", params, VM_STATE_DELETING, JOB_ERROR);
	} else if (runs && o->reboot) {
		o->reboot = false;
		job_end_begin(o, "io.banger.VmRestart", params, VM_STATE_STOPPING, JOB_RELEASES);
	} else if (runs) {
		job_end_reason(o, o->left ? NULL : "the VMM ended by itself");
		job_end_begin(o, "io.banger.VmKill", params, VM_STATE_STOPPING, JOB_ERROR);
	}
}

/* The record says paused before the VMM is: whatever ends in between, the next look at the disk puts both in line. */
void job_end_hold(struct object *o, bool hold, const char *reason)
{
	struct job_begin how = { .method = hold ? "io.banger.Hold" : "io.banger.Resume", .params = "{}", .on_failure = JOB_RESTORES };
	struct err e = { 0 };
	struct job *j;

	if (job_new(o, &how, &j, &e) < 0) {
		log_error("cannot begin", "method", how.method, "object", object_name(o), "why", e.msg);
		return;
	}
	o->vm.state = VM_STATE_PAUSED;
	if (hold)
		job_end_reason(o, reason);
	save_or_log(o);
	job_run(j);
}

void job_end_note(struct object *o, const char *reason)
{
	job_end_reason(o, reason);
	save_or_log(o);
}

/* The record says running until it is stopped: a daemon that finds it so lets it live. */
void job_end_idle(struct object *o, const char *reason)
{
	struct job_begin how = { .method = "io.banger.VmStop", .on_failure = JOB_RESTORES };
	AUTO_MEM char *params = mem_printf("{\"vm\":\"%s\",\"if_idle\":true}", o->vm.id);
	struct err e = { 0 };
	struct job *j;

	how.params = params;
	if (job_new(o, &how, &j, &e) < 0) {
		log_error("cannot begin", "method", how.method, "object", object_name(o), "why", e.msg);
		return;
	}
	j->reason = mem_strdup(reason);
	job_run(j);
}

/* By VmStop, not VmKill: if somebody only printed that line, the guest still shuts down in order. */
void job_end_halted(struct object *o)
{
	char params[64];

	if (o->daemon->stopping || o->vm.state != VM_STATE_RUNNING || !watch_vmm_alive(o))
		return;
	log_info("guest has halted", "vm", o->vm.name);
	job_end_params(o, params);
	job_end_begin(o, "io.banger.VmStop", params, VM_STATE_STOPPING, JOB_ERROR);
}
