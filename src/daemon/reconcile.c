/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a daemon makes of the records that the last one left. */
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "daemon/boot.h"
#include "daemon/console.h"
#include "daemon/daemon.h"
#include "daemon/hello.h"
#include "daemon/idle.h"
#include "daemon/job_end.h"
#include "daemon/jobs.h"
#include "daemon/objects.h"
#include "daemon/space.h"
#include "daemon/watch.h"

/* What was begun anew and not ended is undone; what was ending is ended. */
static void resume(struct object *o, bool anew, const char *delete_method)
{
	struct job_begin how = { .method = "io.banger.Undo", .on_failure = o->kind == LAYOUT_VM && !anew ? JOB_RELEASES : JOB_REMOVES };
	struct err e = { 0 };
	struct job *j;
	char params[80];

	if (delete_method) {
		snprintf(params, sizeof(params), "{\"%s\":\"%s\"}", o->kind == LAYOUT_IMAGE ? "image" : o->kind == LAYOUT_KERNEL ? "kernel" : "vm", object_id(o));
		job_end_begin(o, delete_method, params, o->kind == LAYOUT_VM ? o->vm.state : VM_STATE_NONE, JOB_ERROR);
		return;
	}
	if (job_new(o, &how, &j, &e) < 0) {
		log_error("cannot undo", "object", object_name(o), "why", e.msg);
		return;
	}
	err_set(&j->failure, ERR_CANCELLED, "interrupted by the end of the daemon");
	job_end_failed(j);
}

/* It ran when the host went down. */
static void end_with_host(struct object *o)
{
	char params[64];

	job_end_params(o, params);
	o->vm.n_processes = 0;
	if (!o->vm.has_started_at) {
		o->vm.has_started_at = true;
		o->vm.started_at = (int64_t)time(NULL);
	}
	if (o->vm.ephemeral) {
		job_end_begin(o, "io.banger.VmDelete", params, VM_STATE_DELETING, JOB_ERROR);
		return;
	}
	job_end_reason(o, "the host restarted");
	job_end_begin(o, "io.banger.VmKill", params, VM_STATE_STOPPING, JOB_ERROR);
}

static void reconcile_vm(struct object *o, bool new_boot)
{
	struct err e = { 0 };

	switch (o->vm.state) {
	case VM_STATE_STARTING:
		if (new_boot) {
			end_with_host(o);
			break;
		}
		resume(o, false, NULL);
		break;
	case VM_STATE_CREATING:
		resume(o, true, NULL);
		break;
	case VM_STATE_STOPPING:
		resume(o, false, "io.banger.VmKill");
		break;
	case VM_STATE_DELETING:
		resume(o, false, "io.banger.VmDelete");
		break;
	case VM_STATE_RUNNING:
	case VM_STATE_PAUSED:
		if (new_boot) {
			end_with_host(o);
			break;
		}
		o->ready = true;
		idle_touch(o);
		console_watch(o);
		if (hello_start(o, &e) < 0)
			log_error("cannot listen for the guest", "vm", o->vm.name, "why", e.msg);
		watch_start(o);
		space_watch(o->daemon);
		if (console_word_of(o) == CONSOLE_HALTED)
			job_end_halted(o);
		break;
	case VM_STATE_NONE:
	case VM_STATE_CREATED:
	case VM_STATE_STOPPED:
	case VM_STATE_ERROR:
		job_end_forget(o);
		watch_start(o);
		job_end_settle(o);
		break;
	}
}

void jobs_reconcile(struct daemon *d, bool new_boot)
{
	objects_each(d, o) {
		enum image_state state = o->kind == LAYOUT_IMAGE ? o->image.state : o->kind == LAYOUT_KERNEL ? o->kernel.state : IMAGE_STATE_NONE;
		size_t *n_journal;

		object_journal(o, &n_journal);
		if (o->kind == LAYOUT_VM)
			reconcile_vm(o, new_boot);
		else if (state == IMAGE_STATE_IMPORTING || (state == IMAGE_STATE_ERROR && *n_journal))
			resume(o, true, NULL);
		else if (state == IMAGE_STATE_DELETING)
			resume(o, false, o->kind == LAYOUT_IMAGE ? "io.banger.ImageDelete" : "io.banger.KernelDelete");
	}
	boot_note();
}
