/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "disk/root.h"
#include "ext4/fs.h"
#include "ops/op.h"
#include "sandbox/landlock.h"
#include "store/layout.h"

/* A guest that was killed leaves a journal to replay before anything is edited. */
static MUST int grow(const char *path, uint64_t bytes, struct err *e)
{
	if (ext4_replay(path, e) < 0)
		return -1;
	return ext4_grow(path, bytes, e);
}

static MUST int grow_root(const struct vm_record *vm, uint64_t bytes, struct err *e)
{
	AUTO_MEM char *store = layout_file(LAYOUT_VM, vm->id, disk_root_name(DISK_SNAPSHOT));
	AUTO_MEM char *copy = layout_file(LAYOUT_VM, vm->id, disk_root_name(DISK_COPY));

	/* The guest grows its file system itself when the joined device is larger. */
	if (vm->root_backend == ROOT_BACKEND_SNAPSHOT)
		return disk_store_grow(store, bytes, e);
	return grow(copy, bytes, e);
}

int op_vm_set(struct op *op, const struct vm_set_in *in, struct vm_set_out *ret, struct err *e)
{
	struct vm_record *vm = op->job.vm;
	AUTO_MEM char *work = layout_file(LAYOUT_VM, vm->id, "work.ext4");
	AUTO_MEM char *dir = layout_files(LAYOUT_VM, vm->id);
	const struct landlock_rule rules[] = { { .path = dir, .write = true } };

	if (op_confine(op, rules, ARRAY_LEN(rules), e) < 0)
		return -1;
	if (in->has_disk_mib && in->disk_mib > vm->disk_mib) {
		op_stage(op, "growing the work disk");
		if (grow(work, (uint64_t)in->disk_mib << 20, e) < 0)
			return err_wrap(e, "set '%s': grow the work disk", vm->name);
		vm->disk_mib = in->disk_mib;
	}
	if (in->has_root_mib && in->root_mib > vm->root_mib) {
		op_stage(op, "growing the root");
		if (grow_root(vm, (uint64_t)in->root_mib << 20, e) < 0)
			return err_wrap(e, "set '%s': grow the root", vm->name);
		vm->root_mib = in->root_mib;
	}
	if (in->has_vcpus)
		vm->vcpus = in->vcpus;
	if (in->has_memory_mib)
		vm->memory_mib = in->memory_mib;
	return 0;
}
