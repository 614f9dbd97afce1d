/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a worker process may ask of the daemon, on the connection that is its descriptor 3. */
#include "daemon/worker_rows.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/console.h"
#include "daemon/daemon.h"
#include "daemon/jobs.h"
#include "daemon/objects.h"
#include "daemon/watch.h"
#include "proto/io_banger_worker.h"
#include "proto/server.h"

enum { JOURNAL_MAX = 64, PROCESSES_MAX = 4 };

static void on_worker_gone(struct varlink_conn *conn, void *context)
{
	struct job *j = context;

	/* The pidfd tells when the process itself is gone. */
	j->conn = NULL;
}

int worker_rows_open(struct daemon *d, struct err *e)
{
	static const struct varlink_interface *const served[] = { &io_banger_worker_interface };
	struct varlink_server_conf conf = { .max_connections = 4 * JOBS_MAX + 1024, .on_disconnect = on_worker_gone, .context = d };

	d->facts = NEW(struct host_facts);
	return varlink_server_new(d->loop, served, ARRAY_LEN(served), &conf, &d->workers, e);
}

static void fill_config(const struct job *j, struct job_config *c)
{
	const struct config *conf = j->daemon->config;

	c->vmm = mem_strdup(conf->vmm);
	c->firecracker_bin = mem_strdup(conf->firecracker_bin);
	c->subnet = mem_strdup(conf->subnet);
	c->default_dns = mem_array(conf->n_default_dns, sizeof(*c->default_dns));
	for (size_t i = 0; i < conf->n_default_dns; i++)
		c->default_dns[c->n_default_dns++] = mem_strdup(conf->default_dns[i]);
	c->chunk_sectors = conf->root_chunk_kib * 2;
	c->network = j->daemon->network;
	c->net_required = j->net_required;
	c->qemu_bin = mem_strdup(conf->qemu_bin);
	c->ready_timeout = conf->ready_timeout;
	c->git_identity = conf->git_identity;
	c->file_sync = mem_array(conf->n_sync, sizeof(*c->file_sync));
	for (size_t i = 0; i < conf->n_sync; i++)
		c->file_sync[c->n_file_sync++] = (struct file_sync){ .host = mem_strdup(conf->sync[i].host), .guest = mem_strdup(conf->sync[i].guest),
			.has_mode = conf->sync[i].mode >= 0, .mode = conf->sync[i].mode };
}

/* The records a VM's operation reads besides its own. */
static void fill_related(const struct object *o, struct get_job_out *ret)
{
	struct object *image = object_by_id(o->daemon, LAYOUT_IMAGE, o->vm.image);
	struct object *kernel = object_by_id(o->daemon, LAYOUT_KERNEL, o->vm.kernel);

	ret->vm = NEW(struct vm_record);
	vm_record_copy(ret->vm, &o->vm);
	if (image) {
		ret->image = NEW(struct image_record);
		image_record_copy(ret->image, &image->image);
	}
	if (kernel) {
		ret->kernel = NEW(struct kernel_record);
		kernel_record_copy(ret->kernel, &kernel->kernel);
	}
}

int on_get_job(struct varlink_call *call, const struct get_job_in *in, struct get_job_out *ret, struct err *e)
{
	struct job *j = job_of_worker(call);
	struct object *o = j->object;

	if (!o)
		return err_set(e, ERR_INVALID, "this job has ended");
	ret->operation = mem_strdup(j->id);
	ret->method = mem_strdup(j->undoing ? "io.banger.Undo" : j->method);
	ret->parameters = mem_strdup(j->params);
	fill_config(j, &ret->config);
	host_facts_copy(&ret->facts, j->daemon->facts);
	if (o->kind == LAYOUT_VM) {
		fill_related(o, ret);
	} else if (o->kind == LAYOUT_IMAGE) {
		ret->image = NEW(struct image_record);
		image_record_copy(ret->image, &o->image);
	} else {
		ret->kernel = NEW(struct kernel_record);
		kernel_record_copy(ret->kernel, &o->kernel);
	}
	for (size_t i = 0; i < j->n_fds && !j->undoing; i++) {
		int fd = fcntl(j->fds[i], F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return err_sys(e, errno, "duplicate a descriptor");
		varlink_call_attach_fd(call, fd);
		ret->n_descriptors++;
	}
	return 0;
}

int on_learn(struct varlink_call *call, const struct learn_in *in, struct learn_out *ret, struct err *e)
{
	struct daemon *d = job_of_worker(call)->daemon;

	host_facts_done(d->facts);
	host_facts_copy(d->facts, &in->facts);
	return 0;
}

/* A VMM and its companion are known by the record itself; everything else is a line of the journal. */
static MUST int add_entry(struct object *o, const struct journal_entry *entry, struct err *e)
{
	size_t *n;
	struct journal_entry **journal = object_journal(o, &n);

	if (entry->kind == JOURNAL_KIND_PROCESS) {
		if (o->kind != LAYOUT_VM || !entry->process || o->vm.n_processes == PROCESSES_MAX)
			return err_set(e, ERR_INVALID, "this process cannot be journaled");
		o->vm.processes = mem_grow(o->vm.processes, o->vm.n_processes, sizeof(*o->vm.processes));
		o->vm.processes[o->vm.n_processes++] = *entry->process;
		return 0;
	}
	if (*n == JOURNAL_MAX)
		return err_set(e, ERR_INVALID, "the journal is full");
	*journal = mem_grow(*journal, *n, sizeof(**journal));
	journal_entry_copy(&(*journal)[(*n)++], entry);
	return 0;
}

/* A launch's processes come in one call and stand for those of the launch before, which are gone. */
static void forget_processes(struct object *o)
{
	free(o->vm.processes);
	o->vm.processes = NULL;
	o->vm.n_processes = 0;
	o->ready = o->reboot = o->left = false;
}

int on_journal(struct varlink_call *call, const struct journal_in *in, struct journal_out *ret, struct err *e)
{
	struct job *j = job_of_worker(call);
	struct object *o = j->object;

	if (!o || j->undoing)
		return err_set(e, ERR_INVALID, "this job writes no journal");
	bool launch = in->n_entries && in->entries[0].kind == JOURNAL_KIND_PROCESS && o->kind == LAYOUT_VM;
	if (launch) {
		forget_processes(o);
		console_begin(o);
	}
	for (size_t i = 0; i < in->n_entries; i++)
		if (add_entry(o, &in->entries[i], e) < 0)
			return -1;
	if ((launch ? object_note(o, e) : object_save(o, e)) < 0)
		return -1;
	if (launch) {
		watch_start(o);
		console_watch(o);
	}
	return 0;
}

int on_report(struct varlink_call *call, const struct report_in *in, struct report_out *ret, struct err *e)
{
	job_report(job_of_worker(call), in);
	return 0;
}

int on_wait_ready(struct varlink_call *call, const struct wait_ready_in *in, struct wait_ready_out *ret, struct err *e)
{
	job_wait_ready(job_of_worker(call), call, in->timeout_ms);
	return VARLINK_LATER;
}

int on_finish(struct varlink_call *call, const struct finish_in *in, struct finish_out *ret, struct err *e)
{
	return job_finish(job_of_worker(call), in, e);
}

int on_fail(struct varlink_call *call, const struct fail_in *in, struct fail_out *ret, struct err *e)
{
	struct err why = { 0 };

	err_set(&why, err_code_from_name(in->code), "%s", in->message);
	if (*in->hint)
		err_hint(&why, "%s", in->hint);
	job_failed(job_of_worker(call), &why);
	return 0;
}
