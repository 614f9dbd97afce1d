/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "disk/root.h"
#include "ext4/fs.h"
#include "ops/op.h"
#include "sandbox/landlock.h"
#include "store/layout.h"
#include "work/workdisk.h"

static enum disk_backend backend_of(const struct vm_record *vm)
{
	return vm->root_backend == ROOT_BACKEND_SNAPSHOT ? DISK_SNAPSHOT : vm->root_backend == ROOT_BACKEND_REFLINK ? DISK_REFLINK : DISK_COPY;
}

/* The root as the guest will see it: a store beside the image, or a copy that grows to its size at once. */
static MUST int make_root(const struct op *op, struct err *e)
{
	const struct vm_record *vm = op->job.vm;
	AUTO_MEM char *image = layout_file(LAYOUT_IMAGE, vm->image, "rootfs.ext4");
	AUTO_MEM char *root = layout_file(LAYOUT_VM, vm->id, disk_root_name(backend_of(vm)));
	uint64_t bytes = (uint64_t)vm->root_mib << 20;

	if (disk_root_make(backend_of(vm), image, root, bytes, e) < 0)
		return -1;
	return backend_of(vm) == DISK_SNAPSHOT ? 0 : ext4_grow(root, bytes, e);
}

/* The image is read in this process: it gets what the VM is made of and no more. */
static MUST int confine(struct op *op, const char *dir, struct err *e)
{
	AUTO_MEM char *image = layout_files(LAYOUT_IMAGE, op->job.vm->image), *kernel = layout_files(LAYOUT_KERNEL, op->job.vm->kernel);
	struct landlock_rule rules[] = {
		{ .path = dir, .write = true },
		{ .path = image },
		{ .path = kernel, .write = true }, /* its initrd for this build */
		{ .path = "/proc/self/exe" },      /* which is in that */
		{ .path = "/proc" },               /* is the VMM alive? */
	};

	return op_confine(op, rules, ARRAY_LEN(rules), e);
}

static MUST int make_disks(struct op *op, struct err *e)
{
	const struct vm_record *vm = op->job.vm;
	AUTO_MEM char *dir = layout_files(LAYOUT_VM, vm->id);
	AUTO_MEM char *image = layout_file(LAYOUT_IMAGE, vm->image, "rootfs.ext4");
	AUTO_MEM char *work = layout_file(LAYOUT_VM, vm->id, "work.ext4");

	if (!op->job.image || !op->job.kernel)
		return err_set(e, ERR_NOT_FOUND, "its image or kernel is gone");
	op_stage(op, "making disks");
	if (mkdir(dir, 0700) < 0)
		return err_sys(e, errno, "make folder '%s'", dir);
	if (confine(op, dir, e) < 0)
		return -1;
	if (make_root(op, e) < 0)
		return err_wrap(e, "root disk");
	if (workdisk_make(work, (uint64_t)vm->disk_mib << 20, image, e) < 0)
		return err_wrap(e, "work disk");
	return 0;
}

int op_vm_create(struct op *op, const struct vm_create_in *in, struct vm_create_out *ret, struct err *e)
{
	bool start = !in->has_start || in->start;
	struct varlink_client *helper;

	if ((start && (vm_choose(op, e) < 0 || op_helper(op, &helper, e) < 0)) || make_disks(op, e) < 0)
		return err_wrap(e, "create '%s'", op->job.vm->name);
	return start ? vm_boot(op, e) : 0;
}
