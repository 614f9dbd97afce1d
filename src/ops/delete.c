/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/auto.h"
#include "base/path.h"
#include "ops/op.h"
#include "store/layout.h"

static MUST int remove_files(enum layout_kind kind, const char *id, struct err *e)
{
	AUTO_MEM char *dir = layout_files(kind, id);

	return path_remove_tree(dir, e);
}

int op_vm_delete(struct op *op, const struct vm_delete_in *in, struct vm_delete_out *ret, struct err *e)
{
	struct vm_record *vm = op->job.vm;

	op_stage(op, "deleting");
	if (vm_release(op, false, e) < 0 || remove_files(LAYOUT_VM, vm->id, e) < 0)
		return err_wrap(e, "delete '%s'", vm->name);
	op->gone = true;
	return 0;
}

int op_image_delete(struct op *op, const struct image_delete_in *in, struct image_delete_out *ret, struct err *e)
{
	if (remove_files(LAYOUT_IMAGE, op->job.image->id, e) < 0)
		return err_wrap(e, "delete image '%s'", op->job.image->name);
	op->gone = true;
	return 0;
}

int op_kernel_delete(struct op *op, const struct kernel_delete_in *in, struct kernel_delete_out *ret, struct err *e)
{
	if (remove_files(LAYOUT_KERNEL, op->job.kernel->id, e) < 0)
		return err_wrap(e, "delete kernel '%s'", op->job.kernel->name);
	op->gone = true;
	return 0;
}
