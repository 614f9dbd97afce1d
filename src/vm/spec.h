/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* How large a VM may be, and what it gets when nobody says. */

#include "base/err.h"
#include "proto/io_banger.h"

#define SPEC_VCPUS_MAX 32             /* Firecracker's limit */
#define SPEC_MEMORY_MIN_MIB 64
#define SPEC_MEMORY_MAX_MIB (1 << 20)
#define SPEC_DISK_MIN_MIB 16
#define SPEC_DISK_MAX_MIB (16 << 20)  /* 16 TiB */

/* What the caller leaves out of vcpus, memory, disk and root. */
struct spec_defaults {
	int64_t vcpus, memory_mib, disk_mib, root_mib;
};

/* Fills the sizes of *ret from the request and the defaults. ERR_INVALID names the size that is out of bounds. */
MUST int vm_spec_resolve(const struct vm_create_in *in, const struct spec_defaults *defaults, struct vm_record *ret, struct err *e);
/* Checks a change of a VM: bounds, and that disks only grow. */
MUST int vm_spec_check_set(const struct vm_set_in *in, const struct vm_record *vm, struct err *e);
