/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/choose.h"

#include <stdio.h>

#include "base/auto.h"
#include "base/str.h"
#include "vmm/command.h"
#include "vmm/vmm.h"

int vmm_choose(const char *wanted, const char *firecracker_bin, const char *qemu_bin, const char *kernel_release, struct vmm_choice *ret,
	       struct err *e)
{
	AUTO_MEM char *path = NULL;

	if (str_eq(wanted, "firecracker"))
		return err_set(e, ERR_UNAVAILABLE, "this build has no Firecracker driver");
	if (!qemu_bin && vmm_find_program("qemu-system-x86_64", &path, e) < 0) {
		err_clear(e);
		err_set(e, ERR_UNAVAILABLE, "neither Firecracker with a working KVM nor QEMU is here");
		return err_hint(e, "apt-get install qemu-system-x86");
	}
	*ret = (struct vmm_choice){ .kind = VMM_KIND_QEMU, .name = vmm_driver(VMM_KIND_QEMU)->name };
	snprintf(ret->why, sizeof(ret->why), "QEMU without KVM");
	return 0;
}
