/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Firecracker's versions: what banger needs, what is known to be bad, what each can do. The one table that doctor and launch read. */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct vmm_version {
	int major, minor, patch;
};

enum vmm_verdict { VMM_GOOD, VMM_WARN, VMM_REFUSE };

#define VMM_FIRECRACKER_MIN "1.5.0"

/* Reads the answer to --version, "Firecracker v1.15.1\n...". ERR_CORRUPT when it is none. */
MUST int vmm_version_parse(const char *text, struct vmm_version *ret, struct err *e);
/* <0, 0, >0 as strcmp. */
int vmm_version_compare(struct vmm_version a, struct vmm_version b);
/* What is to be said of that Firecracker booting a kernel of that release (NULL for any); *ret_why is then one clause, static text. */
enum vmm_verdict vmm_version_judge(struct vmm_version v, const char *kernel_release, const char **ret_why);
/* Executes bin --version, two seconds at most. */
MUST int vmm_version_ask(const char *bin, struct vmm_version *ret, struct err *e);
/* Free-page reporting by the balloon. */
bool vmm_version_has_reporting(struct vmm_version v);
