/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/vmm.h"

#include <stdlib.h>

#include "vmm/firecracker/firecracker.h"
#include "vmm/qemu/qemu.h"

const struct vmm_driver *vmm_driver(enum vmm_kind kind)
{
	switch (kind) {
	case VMM_KIND_QEMU:
		return &vmm_qemu;
	case VMM_KIND_FIRECRACKER:
		return &vmm_firecracker;
	case VMM_KIND_NONE:
		break;
	}
	abort();
}
