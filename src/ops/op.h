/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* One operation in its worker process: a blocking procedure from top to bottom. It never writes state: what it makes it journals first,
 * and the record it leaves in op->job is what the daemon writes down when the operation has ended well. */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/fd.h"
#include "proto/io_banger.h"
#include "proto/io_banger_worker.h"
#include "vmm/choose.h"

struct landlock_rule;
struct varlink_client;

struct op {
	struct varlink_client *daemon;
	struct varlink_client *helper; /* NULL until op_helper */
	struct get_job_out job;        /* what it works on; the operation changes job.vm, .image or .kernel */
	int fds[FD_PASS_MAX];
	size_t n_fds;
	struct vmm_choice choice;      /* kind is unset until vm_choose */
	bool fresh;                    /* the VM's disks were made by this operation and may not be on disk yet */
	bool gone;                     /* the object is no more */
	char *warning;                 /* for the caller, or NULL */
};

/* The role. Descriptor 3 is the connection to the daemon. */
int worker_main(int argc, char **argv);

/* Writes one line of undo; it is on disk when this returns. path is a journal path (store/layout). */
MUST int op_journal_tree(struct op *op, const char *path, struct err *e);
/* Nothing is to be done where the job came with it. */
MUST int op_journal_net(struct op *op, struct err *e);
MUST int op_journal_processes(struct op *op, const struct process *p, size_t n, struct err *e);
/* Tells the caller the stage; done and total are bytes or items, -1 for unknown. Failure to tell is no failure. */
void op_stage(struct op *op, const char *stage);
void op_progress(struct op *op, const char *stage, int64_t done, int64_t total);
/* The connection to the helper. Borrowed. */
MUST int op_helper(struct op *op, struct varlink_client **ret, struct err *e);
/* The nth descriptor that came with the request, borrowed. ERR_INVALID without it. */
MUST int op_fd(struct op *op, size_t n, int *ret, struct err *e);

/* ops/confine: from here on the worker names no file beyond the rules and makes only a worker's system calls; for those that read what
 * others made. Descriptors and connections that are open stay. */
MUST int op_confine(struct op *op, const struct landlock_rule *rules, size_t n, struct err *e);

/* ops/undo: runs the journal backwards and releases what a VM holds. */
MUST int op_undo(struct op *op, struct err *e);
/* ops/vm_hold: no guest instruction runs from here on, or they do again. Repeatable. */
MUST int op_vm_hold(struct op *op, bool hold, struct err *e);
/* ops/vm_release: ends a VM's processes, takes its network and its sockets away; with keep_run its run folder stays for the next launch.
 * Every step is tried; the first error is the result. Repeatable. */
MUST int vm_release(struct op *op, bool keep_run, struct err *e);
/* ops/vm_create: what the VM's disks were made with is to last as long as the record that will name them; of one that is deleted anyway it need not. */
MUST int vm_sync_disks(const struct op *op, struct err *e);
/* ops/vm_start: finds out which VMM runs here (op->choice), which a confined worker cannot. */
MUST int vm_choose(struct op *op, struct err *e);
/* ops/vm_start: boots op->job.vm, whose run folder and hello socket are there. */
MUST int vm_boot(struct op *op, struct err *e);
/* ops/vm_stop: asks the guest to shut down and waits; then kills what is left. */
MUST int vm_shutdown(struct op *op, int64_t timeout_ms, struct err *e);
