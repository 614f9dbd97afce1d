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

struct host_facts;

/* wanted: auto, firecracker or qemu. auto takes Firecracker where it and a working KVM exist, else QEMU. The executables: absolute paths, or
 * NULL to look on PATH. kernel_release: of the kernel to boot, for what it needs of a VMM. ERR_UNAVAILABLE, with a hint, when there is none.
 * facts, which may be NULL, saves asking what was asked before and takes what had to be asked. */
MUST int vmm_choose(const char *wanted, const char *firecracker_bin, const char *qemu_bin, const char *kernel_release, struct host_facts *facts,
		    struct vmm_choice *ret, struct err *e);
