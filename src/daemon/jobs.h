/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Operations under way. One job holds one object and runs one worker process; when that fails, a second worker undoes what the
 * object's journal names, and only then the caller hears of it. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/list.h"
#include "proto/io_banger.h"
#include "proto/io_banger_worker.h"
#include "proto/varlink.h"

struct daemon;
struct object;
struct varlink_call;
struct varlink_conn;
struct loop_source;

enum { JOBS_MAX = 16, JOB_FDS_MAX = 2, JOB_CALLS_MAX = 8 };

/* What becomes of the object when its operation fails. */
enum job_failure {
	JOB_REMOVES,  /* made anew: undo, then it is gone */
	JOB_RELEASES, /* undo, then it rests */
	JOB_RESTORES, /* the record as it was */
	JOB_ERROR,    /* rolls forward: state error until somebody tries again */
};

struct job {
	struct list link;
	struct daemon *daemon;
	struct object *object;      /* NULL once the object is free again */
	char id[16];                /* "op-" and six hexadecimal digits */
	const char *method;         /* full name; static */
	char *params;               /* JSON */
	enum job_failure on_failure;
	bool cancellable;           /* ends when its caller hangs up */
	bool net_required;
	int fds[JOB_FDS_MAX];
	size_t n_fds;
	struct varlink_call *calls[JOB_CALLS_MAX]; /* who waits for it; the first began it */
	size_t n_calls;
	struct vm_record before;    /* VM jobs: as it was */
	/* the worker */
	pid_t pid;
	int pidfd;
	struct loop_source *exit_source, *kill_timer;
	struct varlink_conn *conn;
	struct varlink_call *ready_call;
	struct loop_source *ready_timer;
	bool undoing, undone, done, cancelled;
	bool again;                 /* this worker took over from one that was killed */
	struct err failure;
	char *stage, *warning;
	char *reason;               /* why the VM is as it is, when the job ends well; NULL: no reason */
	int64_t started_at; /* seconds since 1970 */
};

/* What a new job needs. */
struct job_begin {
	const char *method;
	const char *params;
	enum job_failure on_failure;
	bool cancellable, net_required;
	struct varlink_call *call; /* NULL: the daemon's own; taken only on success */
	const int *fds;            /* taken on success */
	size_t n_fds;
};

/* Gives the object a fresh operation id. ERR_BUSY when it has a job or there are JOBS_MAX. Nothing has happened yet: the caller now
 * sets the record's transitional state, saves it and calls job_run, or job_drop. */
MUST int job_new(struct object *o, const struct job_begin *how, struct job **ret, struct err *e);
/* Starts the worker already, so that it gets ready while the record is written; its job it gets when the loop turns, after job_run. */
void job_prepare(struct job *j);
/* Starts the worker where that has not been done; on failure the job fails as if the worker had. */
void job_run(struct job *j);
/* Forgets a job that was never run, and ends a worker that was prepared; call and descriptors stay the caller's. */
void job_drop(struct job *j);
void job_free(struct job *j);
/* Lets another caller wait for the same end. ERR_BUSY when there are too many. */
MUST int job_join(struct job *j, struct varlink_call *call, struct err *e);
struct job *job_of_worker(struct varlink_call *call);

/* What the worker says (daemon/worker_rows). */
void job_report(struct job *j, const struct report_in *in);
void job_wait_ready(struct job *j, struct varlink_call *call, int64_t timeout_ms);
void job_failed(struct job *j, const struct err *why);
MUST int job_finish(struct job *j, const struct finish_in *in, struct err *e);

/* Events of the object. */
void jobs_vm_ready(struct object *o);
void jobs_vm_exited(struct object *o);
/* Its kernel has stopped for good, but its VMM goes on: it is stopped. */
void jobs_vm_halted(struct object *o);
void jobs_owner_exited(struct object *o);

/* After the start: ends what was under way when the last daemon went, adopts what runs. */
void jobs_reconcile(struct daemon *d, bool new_boot);
/* Ends every worker at once, for the daemon's end. */
void jobs_abandon(struct daemon *d);
