/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/auto.h"
#include "base/fd.h"
#include "ops/op.h"
#include "store/layout.h"
#include "vmm/vmm.h"

enum { VMM_MS = 10000 };

int op_vm_hold(struct op *op, bool hold, struct err *e)
{
	const struct vm_record *vm = op->job.vm;
	AUTO_MEM char *api = layout_vm_api(vm->id);
	const struct vmm_driver *driver = vmm_driver_named(vm->vmm);
	int64_t deadline = time_now_ms() + VMM_MS;

	op_stage(op, hold ? "pausing the guest" : "letting the guest go on");
	if (!driver)
		return err_set(e, ERR_CORRUPT, "%s '%s': its record names no VMM", hold ? "pause" : "resume", vm->name);
	if ((hold ? driver->pause : driver->resume)(api, deadline, e) < 0)
		return err_wrap(e, hold ? "pause '%s'" : "resume '%s'", vm->name);
	return 0;
}
