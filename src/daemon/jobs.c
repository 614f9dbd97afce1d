/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/jobs.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "daemon/hello.h"
#include "daemon/job_end.h"
#include "daemon/job_reply.h"
#include "daemon/objects.h"
#include "daemon/watch.h"
#include "proto/server.h"

enum { CANCEL_GRACE_MS = 10000 };

int job_new(struct object *o, const struct job_begin *how, struct job **ret, struct err *e)
{
	struct daemon *d = o->daemon;
	unsigned char r[3];
	struct job *j;
	int n = 0;

	if (o->job) {
		err_set(e, ERR_BUSY, "%s '%s' is held by %s (%s)", layout_kind_text(o->kind), object_name(o), o->job->method + strlen("io.banger."), o->job->id);
		return err_hint(e, "wait for that to end: banger daemon status");
	}
	list_for_each(it, &d->jobs)
		n++;
	if (how->call && n >= JOBS_MAX) {
		err_set(e, ERR_BUSY, "%d operations are under way already", n);
		return err_hint(e, "wait for one to end: banger daemon status");
	}
	if (getrandom(r, sizeof(r), 0) != (ssize_t)sizeof(r))
		return err_sys(e, errno, "random bytes");
	j = NEW(struct job);
	j->daemon = d;
	j->object = o;
	snprintf(j->id, sizeof(j->id), "op-%02x%02x%02x", r[0], r[1], r[2]);
	j->method = how->method;
	j->params = mem_strdup(how->params ? how->params : "{}");
	j->on_failure = how->on_failure;
	j->cancellable = how->cancellable;
	j->net_required = how->net_required;
	j->pidfd = -1;
	j->started_at = (int64_t)time(NULL);
	if (how->call)
		j->calls[j->n_calls++] = how->call;
	for (size_t i = 0; i < how->n_fds; i++)
		j->fds[j->n_fds++] = how->fds[i];
	if (o->kind == LAYOUT_VM)
		vm_record_copy(&j->before, &o->vm);
	o->job = j;
	list_add_tail(&d->jobs, &j->link);
	if (!str_eq(j->method, "io.banger.Undo")) /* the end of what has begun before */
		log_info("operation begins", "op", j->id, "method", j->method, "object", object_name(o));
	*ret = j;
	return 0;
}

void job_free(struct job *j)
{
	struct loop *l = j->daemon->loop;

	if (j->object && j->object->job == j)
		j->object->job = NULL;
	list_remove(&j->link);
	loop_remove(l, j->exit_source);
	loop_remove(l, j->kill_timer);
	loop_remove(l, j->ready_timer);
	auto_fd_close(&j->pidfd);
	for (size_t i = 0; i < j->n_fds; i++)
		close(j->fds[i]);
	vm_record_done(&j->before);
	free(j->params);
	free(j->stage);
	free(j->warning);
	free(j->reason);
	free(j);
}

static void end_worker(struct job *j)
{
	loop_remove(j->daemon->loop, TAKE_PTR(j->exit_source));
	proc_pidfd_signal(j->pidfd, SIGKILL);
	waitpid(j->pid, NULL, 0);
	auto_fd_close(&j->pidfd);
	if (j->conn)
		varlink_conn_close(TAKE_PTR(j->conn));
}

void job_drop(struct job *j)
{
	log_info("operation given up", "op", j->id);
	if (j->pidfd >= 0)
		end_worker(j);
	j->n_fds = 0;
	job_free(j);
}

/* A caller has hung up: a cancellable job without other callers is told to end. */
static void on_caller_gone(void *arg)
{
	struct job *j = arg;

	if (j->cancellable && !j->undoing && !j->done && j->n_calls == 1) {
		log_info("caller hung up", "op", j->id);
		job_cancel(j);
	}
}

int job_join(struct job *j, struct varlink_call *call, struct err *e)
{
	if (j->n_calls == JOB_CALLS_MAX)
		return err_set(e, ERR_BUSY, "too many wait for %s", j->id);
	j->calls[j->n_calls++] = call;
	return 0;
}

static void on_kill_timer(struct loop *l, void *arg)
{
	struct job *j = arg;

	j->kill_timer = NULL;
	if (j->pidfd >= 0)
		proc_pidfd_signal(j->pidfd, SIGKILL);
}

void job_cancel(struct job *j)
{
	if (j->cancelled || j->undoing || j->done || j->pidfd < 0)
		return;
	j->cancelled = true;
	proc_pidfd_signal(j->pidfd, SIGTERM);
	j->kill_timer = loop_add_timer(j->daemon->loop, time_now_ms() + CANCEL_GRACE_MS, on_kill_timer, j);
}

/* Stop and delete go on to their end, and so does an undo: a worker that was killed in the middle gets one successor. */
static bool runs_again(const struct job *j, int status)
{
	if (j->done || j->again || j->cancelled || !WIFSIGNALED(status))
		return false;
	return j->undoing ? !j->undone : j->on_failure == JOB_ERROR && j->failure.code == ERR_NONE;
}

/* The worker has ended: a job that is not done has failed. Then the undo begins, or the end comes. */
static void on_worker_exit(struct loop *l, int fd, uint32_t revents, void *arg)
{
	struct job *j = arg;
	char text[64];
	int status = 0;

	waitpid(j->pid, &status, 0);
	loop_remove(l, j->exit_source);
	loop_remove(l, j->kill_timer);
	loop_remove(l, j->ready_timer);
	j->exit_source = j->kill_timer = j->ready_timer = NULL;
	close(TAKE_FD(j->pidfd));
	if (j->ready_call) {
		struct err gone = { 0 };
		err_set(&gone, ERR_CANCELLED, "the worker is gone");
		varlink_reply_error(TAKE_PTR(j->ready_call), &gone);
	}
	if (j->conn)
		varlink_conn_close(TAKE_PTR(j->conn));
	if (runs_again(j, status)) {
		log_warn("worker was killed, another takes over", "op", j->id, "object", object_name(j->object));
		j->again = true;
		job_run(j);
		return;
	}
	if (!j->done && j->failure.code == ERR_NONE) {
		if (j->cancelled)
			err_set(&j->failure, ERR_CANCELLED, "%s '%s': cancelled", j->method + strlen("io.banger."), object_name(j->object));
		else
			err_set(&j->failure, ERR_INTERNAL, "%s '%s': the worker ended with %s", j->method + strlen("io.banger."),
				object_name(j->object), proc_status_text(status, text));
	}
	if (j->done)
		job_free(j);
	else
		job_end_failed(j);
}

static MUST int spawn_worker(struct job *j, struct err *e)
{
	char *argv[] = { (char *)(uintptr_t) "banger-worker", (char *)(uintptr_t) "--role", (char *)(uintptr_t) "worker", NULL, NULL, NULL };
	struct proc_fd fds[2];
	struct proc_spawn how = { .argv = argv, .fds = fds, .n_fds = 2, .die_with_parent = true };
	int pair[2];

	if (layout_root()) {
		argv[3] = (char *)(uintptr_t) "--root";
		argv[4] = (char *)(uintptr_t)layout_root();
	} else if (layout_installed()) {
		argv[3] = (char *)(uintptr_t) "--system";
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "socketpair");
	AUTO_FD int theirs = pair[1];
	if (varlink_server_add(j->daemon->workers, pair[0], j, &j->conn, e) < 0)
		return -1;
	fds[0] = (struct proc_fd){ theirs, 3 };
	fds[1] = (struct proc_fd){ 2, 2 };
	if (proc_start(&how, &j->pid, &j->pidfd, e) < 0)
		return -1;
	return loop_add_fd(j->daemon->loop, j->pidfd, EPOLLIN, on_worker_exit, j, &j->exit_source, e);
}

void job_prepare(struct job *j)
{
	struct err why = { 0 }; /* job_run tries again, and tells */

	if (spawn_worker(j, &why) == 0)
		return;
	if (j->pidfd >= 0)
		end_worker(j);
	if (j->conn)
		varlink_conn_close(TAKE_PTR(j->conn));
}

void job_run(struct job *j)
{
	struct err e = { 0 };

	if (!j->undoing && j->n_calls)
		varlink_call_on_gone(j->calls[0], on_caller_gone, j);
	if (j->pidfd >= 0 || spawn_worker(j, &e) == 0)
		return;
	if (j->conn)
		varlink_conn_close(TAKE_PTR(j->conn));
	if (j->failure.code == ERR_NONE)
		j->failure = e;
	job_end_failed(j);
}

struct job *job_of_worker(struct varlink_call *call)
{
	return varlink_call_context(call);
}

void job_report(struct job *j, const struct report_in *in)
{
	struct progress p = {
		.operation = j->id,
		.stage = in->stage,
		.done = in->done,
		.has_done = in->has_done,
		.total = in->total,
		.has_total = in->has_total,
	};

	free(j->stage);
	j->stage = mem_strdup(in->stage);
	if (j->undoing)
		return;
	for (size_t i = 0; i < j->n_calls; i++)
		if (varlink_call_more(j->calls[i]))
			job_reply_progress(j->calls[i], &p);
}

static void on_ready_timeout(struct loop *l, void *arg)
{
	struct job *j = arg;
	struct err e = { 0 };

	j->ready_timer = NULL;
	err_set(&e, ERR_TIMEOUT, "the guest did not say hello in time");
	varlink_reply_error(TAKE_PTR(j->ready_call), &e);
}

void job_wait_ready(struct job *j, struct varlink_call *call, int64_t timeout_ms)
{
	struct err e = { 0 };
	struct wait_ready_out out = { 0 };

	if (!j->object || j->object->kind != LAYOUT_VM || j->ready_call) {
		err_set(&e, ERR_INVALID, "nothing to wait for");
		varlink_reply_error(call, &e);
	} else if (j->object->ready) {
		reply_wait_ready(call, &out);
	} else if (!watch_vmm_alive(j->object)) {
		err_set(&e, ERR_STATE, "the VMM has ended");
		varlink_reply_error(call, &e);
	} else {
		/* While the guest boots there is time: from here on a boot's end leaves a VM that is known to have run. */
		if (j->object->vm.state == VM_STATE_STARTING && object_save(j->object, &e) < 0)
			log_error("record not saved", "object", object_name(j->object), "why", e.msg);
		j->ready_call = call;
		j->ready_timer = loop_add_timer(j->daemon->loop, time_now_ms() + timeout_ms, on_ready_timeout, j);
	}
}

static void answer_ready(struct job *j, const struct err *why)
{
	struct wait_ready_out out = { 0 };

	loop_remove(j->daemon->loop, j->ready_timer);
	j->ready_timer = NULL;
	if (why)
		varlink_reply_error(TAKE_PTR(j->ready_call), why);
	else
		reply_wait_ready(TAKE_PTR(j->ready_call), &out);
}

void jobs_vm_ready(struct object *o)
{
	if (o->job && o->job->ready_call)
		answer_ready(o->job, NULL);
}

void jobs_vm_exited(struct object *o)
{
	struct err e = { 0 };

	log_info("VMM ended", "vm", o->vm.name);
	o->ready = false;
	if (o->job && o->job->ready_call) {
		err_set(&e, ERR_STATE, "the VMM has ended");
		answer_ready(o->job, &e);
	}
	if (!o->job)
		job_end_settle(o);
}

void jobs_vm_halted(struct object *o)
{
	struct err e = { 0 };

	if (!o->job) {
		job_end_halted(o);
	} else if (o->job->ready_call) {
		/* Its VMM may stay for ever, but nobody will say hello any more. */
		err_set(&e, ERR_STATE, "the guest has halted");
		answer_ready(o->job, &e);
	}
}

void jobs_owner_exited(struct object *o)
{
	log_info("owner of an ephemeral VM ended", "vm", o->vm.name);
	if (!o->job)
		job_end_settle(o);
}

void jobs_abandon(struct daemon *d)
{
	list_for_each(it, &d->jobs) {
		struct job *j = list_entry(it, struct job, link);
		if (j->pidfd >= 0) {
			proc_pidfd_signal(j->pidfd, SIGKILL);
			waitpid(j->pid, NULL, 0);
		}
		/* The connections know the job, and must not outlive it. */
		struct err e = { 0 };
		err_set(&e, ERR_CANCELLED, "the daemon ends; what is unfinished is undone at its next start");
		if (j->ready_call)
			varlink_reply_error(TAKE_PTR(j->ready_call), &e);
		if (j->conn)
			varlink_conn_close(TAKE_PTR(j->conn));
		job_reply_failure(j, &e);
		job_free(j);
	}
}
