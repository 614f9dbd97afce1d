/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "ops/op.h"
#include "proto/client.h"
#include "proto/io_banger_helper.h"
#include "store/layout.h"

enum { DAEMON_FD = 3, HELPER_MS = 30000 };

int op_fd(struct op *op, size_t n, int *ret, struct err *e)
{
	if (n >= op->n_fds)
		return err_set(e, ERR_INVALID, "descriptor %zu did not come with the request", n);
	*ret = op->fds[n];
	return 0;
}

int op_helper(struct op *op, struct varlink_client **ret, struct err *e)
{
	AUTO_MEM char *path = layout_helper_socket();
	struct operation_in in = { .operation = op->job.operation };

	if (!op->helper && (varlink_client_connect(path, &op->helper, e) < 0 || call_operation_oneway(op->helper, &in, e) < 0))
		return err_wrap(e, "reach the helper");
	varlink_client_set_deadline(op->helper, time_now_ms() + HELPER_MS);
	*ret = op->helper;
	return 0;
}

static MUST int journal(struct op *op, struct journal_entry *entries, size_t n, struct err *e)
{
	struct journal_in in = { .entries = entries, .n_entries = n };

	return call_journal(op->daemon, &in, NULL, e);
}

int op_journal_tree(struct op *op, const char *path, struct err *e)
{
	AUTO_MEM char *copy = mem_strdup(path);
	struct journal_entry entry = { .kind = JOURNAL_KIND_TREE, .path = copy };

	return journal(op, &entry, 1, e);
}

int op_journal_net(struct op *op, struct err *e)
{
	struct journal_entry entry = { .kind = JOURNAL_KIND_NET };

	for (size_t i = 0; i < op->job.vm->n_journal; i++)
		if (op->job.vm->journal[i].kind == JOURNAL_KIND_NET)
			return 0;
	return journal(op, &entry, 1, e);
}

int op_journal_processes(struct op *op, const struct process *p, size_t n, struct err *e)
{
	AUTO_MEM struct journal_entry *entries = mem_array(n, sizeof(*entries));
	AUTO_MEM struct process *copies = mem_array(n, sizeof(*copies));

	for (size_t i = 0; i < n; i++) {
		copies[i] = p[i];
		entries[i] = (struct journal_entry){ .kind = JOURNAL_KIND_PROCESS, .process = &copies[i] };
	}
	return journal(op, entries, n, e);
}

void op_progress(struct op *op, const char *stage, int64_t done, int64_t total)
{
	AUTO_MEM char *copy = mem_strdup(stage);
	struct report_in in = { .stage = copy, .has_done = done >= 0, .done = done, .has_total = total >= 0, .total = total };
	struct err ignored = { 0 }; /* who is not told learns from the result */

	if (call_report_oneway(op->daemon, &in, &ignored) < 0)
		log_debug("progress not told", "why", ignored.msg);
}

void op_stage(struct op *op, const char *stage)
{
	op_progress(op, stage, -1, -1);
}

/* The row of op_rows with its parameters decoded, run, and freed. */
static MUST int run_row(struct op *op, const struct op_row *row, struct err *e)
{
	AUTO_MEM void *in = mem_new(row->in_size);
	AUTO_MEM void *out = mem_new(row->out_size);
	int rc;

	if (json_decode(row->in_type, op->job.parameters, strlen(op->job.parameters), 0, in, e) < 0)
		return -1;
	rc = row->run(op, in, out, e);
	json_done(row->in_type, in);
	json_done(row->out_type, out);
	return rc;
}

static MUST int run_job(struct op *op, struct err *e)
{
	if (str_eq(op->job.method, "io.banger.Undo"))
		return op_undo(op, e);
	if (str_eq(op->job.method, "io.banger.Hold") || str_eq(op->job.method, "io.banger.Resume"))
		return op_vm_hold(op, str_eq(op->job.method, "io.banger.Hold"), e);
	for (size_t i = 0; i < n_op_rows; i++)
		if (str_eq(op_rows[i].name, op->job.method))
			return run_row(op, &op_rows[i], e);
	return err_set(e, ERR_INTERNAL, "no operation '%s'", op->job.method);
}

static MUST int finish(struct op *op, struct err *e)
{
	bool image = str_starts(op->job.method, "io.banger.Image"), kernel = str_starts(op->job.method, "io.banger.Kernel");
	struct finish_in in = {
		.vm = op->gone || image || kernel ? NULL : op->job.vm,
		.image = op->gone || !image ? NULL : op->job.image,
		.kernel = op->gone || !kernel ? NULL : op->job.kernel,
		.warning = op->warning,
	};

	return call_finish(op->daemon, &in, NULL, e);
}

/* Wherever in an operation it was. */
static void hint_at_space(struct err *why)
{
	if (why->code != ERR_NO_SPACE || *why->hint)
		return;
	if (why->sys == EDQUOT)
		err_hint(why, "a quota is used up (man 1 quota): have it raised, or free space with banger vm delete or banger image delete");
	else
		err_hint(why, "free space, for instance with banger vm delete or banger image delete");
}

static void fail(struct op *op, struct err *why)
{
	hint_at_space(why);
	AUTO_MEM char *code = mem_strdup(err_code_name(why->code));
	AUTO_MEM char *msg = mem_strdup(why->msg);
	AUTO_MEM char *hint = mem_strdup(why->hint);
	struct fail_in in = { .code = code, .message = msg, .hint = hint };
	struct err e = { 0 };

	/* A cancelled process still says why it ends. */
	if (call_fail(op->daemon, &in, NULL, &e) < 0)
		log_debug("failure not told", "why", e.msg);
}

static MUST int op_open(struct op *op, struct err *e)
{
	if (varlink_client_from_fd(DAEMON_FD, &op->daemon, e) < 0 || call_get_job(op->daemon, NULL, &op->job, e) < 0)
		return -1;
	for (int64_t i = 0; i < op->job.n_descriptors && op->n_fds < FD_PASS_MAX; i++) {
		int fd = varlink_client_take_fd(op->daemon, i);
		if (fd < 0)
			return err_set(e, ERR_INTERNAL, "descriptor %lld did not come", (long long)i);
		op->fds[op->n_fds++] = fd;
	}
	return 0;
}

static void op_done(struct op *op)
{
	for (size_t i = 0; i < op->n_fds; i++)
		close(op->fds[i]);
	get_job_out_done(&op->job);
	varlink_client_free(op->helper);
	varlink_client_free(op->daemon);
	free(op->warning);
}

int worker_main(int argc, char **argv)
{
	const char *root = NULL;
	struct op op = { 0 };
	struct err e = { 0 };
	bool system = false;

	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--root"))
			root = argv[i + 1]; /* NULL at the end */
		else if (str_eq(argv[i], "--system"))
			system = true;
	}
	log_open("worker", NULL);
	proc_catch_cancel();
	if ((system ? layout_init_system(&e) : layout_init(root, &e)) < 0 || op_open(&op, &e) < 0) {
		log_error("worker cannot begin", "why", e.msg);
		return 1;
	}
	log_set_op(op.job.operation);
	if (run_job(&op, &e) < 0 || finish(&op, &e) < 0) {
		fail(&op, &e);
		op_done(&op);
		return 1;
	}
	op_done(&op);
	return 0;
}
