/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Which VMM runs a VM on this host. */

#include <stdbool.h>

#include "base/err.h"
#include "proto/io_banger_helper.h"

struct vmm_choice {
	enum vmm_kind kind;
	const char *name; /* the driver's */
	bool kvm;         /* it works here */
	char why[200];    /* one line for the user: what was chosen and why */
};

/* wanted: auto, firecracker or qemu. auto takes Firecracker where it and a working KVM exist, else QEMU. The executables: absolute paths, or
 * NULL to look on PATH. kernel_release: of the kernel to boot, for what it needs of a VMM. ERR_UNAVAILABLE, with a hint, when there is none. */
MUST int vmm_choose(const char *wanted, const char *firecracker_bin, const char *qemu_bin, const char *kernel_release, struct vmm_choice *ret,
		    struct err *e);
