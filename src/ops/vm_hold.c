/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/auto.h"
#include "base/fd.h"
#include "base/str.h"
#include "ops/op.h"
#include "store/layout.h"
#include "vmm/vmm.h"

enum { VMM_MS = 10000 };

static MUST int driver_of(const struct vm_record *vm, const struct vmm_driver **ret, struct err *e)
{
	static const enum vmm_kind kinds[] = { VMM_KIND_FIRECRACKER, VMM_KIND_QEMU };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		*ret = vmm_driver(kinds[i]);
		if (str_eq((*ret)->name, vm->vmm))
			return 0;
	}
	return err_set(e, ERR_CORRUPT, "its record names no VMM");
}

int op_vm_hold(struct op *op, bool hold, struct err *e)
{
	const struct vm_record *vm = op->job.vm;
	AUTO_MEM char *api = layout_vm_api(vm->id);
	const struct vmm_driver *driver;
	int64_t deadline = time_now_ms() + VMM_MS;

	op_stage(op, hold ? "pausing the guest" : "letting the guest go on");
	if (driver_of(vm, &driver, e) < 0 || (hold ? driver->pause : driver->resume)(api, deadline, e) < 0)
		return err_wrap(e, hold ? "pause '%s'" : "resume '%s'", vm->name);
	return 0;
}
