/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/auto.h"
#include "base/log.h"
#include "base/path.h"
#include "ops/op.h"
#include "proto/client.h"
#include "proto/io_banger_helper.h"
#include "store/layout.h"

static MUST int undo_tree(const char *journal_path, struct err *e)
{
	AUTO_MEM char *path = NULL;

	if (layout_resolve(journal_path, &path, e) < 0)
		return -1;
	return path_remove_tree(path, e);
}

/* Keeps the first error and goes on: what can be undone is. */
static void keep_first(struct err *first, struct err *now)
{
	log_warn("undo step failed", "why", now->msg);
	if (first->code == ERR_NONE)
		*first = *now;
	err_clear(now);
}

int op_undo(struct op *op, struct err *e)
{
	const struct journal_entry *journal = op->job.vm ? op->job.vm->journal : op->job.image ? op->job.image->journal : op->job.kernel->journal;
	size_t n = op->job.vm ? op->job.vm->n_journal : op->job.image ? op->job.image->n_journal : op->job.kernel->n_journal;
	struct err first = { 0 }, now = { 0 };

	if (op->job.vm && vm_release(op, false, &now) < 0)
		keep_first(&first, &now);
	while (n--)
		if (journal[n].kind == JOURNAL_KIND_TREE && undo_tree(journal[n].path, &now) < 0)
			keep_first(&first, &now);
	if (first.code == ERR_NONE)
		return 0;
	*e = first;
	return -1;
}
