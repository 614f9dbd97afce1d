/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/vmm.h"

#include <stdlib.h>

#include "base/auto.h"
#include "base/str.h"
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

const struct vmm_driver *vmm_driver_named(const char *name)
{
	static const struct vmm_driver *const all[] = { &vmm_firecracker, &vmm_qemu };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (str_eq(all[i]->name, name))
			return all[i];
	return NULL;
}
