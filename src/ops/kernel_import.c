/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/path.h"
#include "kernel/import.h"
#include "ops/op.h"
#include "sandbox/landlock.h"
#include "store/layout.h"

static void on_progress(void *arg, const char *stage, uint64_t done, uint64_t total)
{
	op_progress(arg, stage, total ? (int64_t)done : -1, total ? (int64_t)total : -1);
}

static MUST int import(struct op *op, const struct kernel_import_in *in, const char *dir, struct kernel_facts *info, struct err *e)
{
	int fd, modules = -1;

	if (op_fd(op, 0, &fd, e) < 0 || (in->has_modules && op_fd(op, 1, &modules, e) < 0))
		return -1;
	if (mkdir(dir, 0700) < 0)
		return err_sys(e, errno, "make folder '%s'", dir);
	const struct landlock_rule rules[] = { { .path = dir, .write = true }, { .fd = modules } };
	if (op_confine(op, rules, modules >= 0 ? 2 : 1, e) < 0)
		return -1;
	if (in->format == KERNEL_FORMAT_DEB ? kernel_import_deb(fd, dir, on_progress, op, info, e) < 0
					    : kernel_import_file(fd, modules, dir, on_progress, op, info, e) < 0)
		return -1;
	return path_sync_dir(dir, e);
}

int op_kernel_import(struct op *op, const struct kernel_import_in *in, struct kernel_import_out *ret, struct err *e)
{
	struct kernel_record *k = op->job.kernel;
	AUTO_MEM char *dir = layout_files(LAYOUT_KERNEL, k->id);
	struct kernel_facts info = { 0 };

	if (import(op, in, dir, &info, e) < 0)
		return err_wrap(e, "import kernel '%s'", k->name);
	free(k->release);
	free(k->digest);
	k->release = mem_strdup(info.release);
	k->digest = mem_strdup(info.digest);
	k->size_bytes = (int64_t)info.size_bytes;
	k->has_modules = info.has_modules;
	k->has_pvh = info.has_pvh;
	k->has_snapshot = info.has_snapshot;
	return 0;
}
