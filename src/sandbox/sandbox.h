/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A role's confinement in one call, from the parts in caps, landlock and seccomp. What a role needs stands, with reasons, in profiles.c and caps.h. */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "sandbox/landlock.h"

/* False in sanitizer builds, whose run-time needs calls that no profile allows; the calls here do nothing then. */
bool sandbox_available(void);

/* Confines a worker for good, all its threads: files beneath rules only (landlock, as far as the kernel has it), the worker's system calls only.
 * Descriptors that are open stay usable. *ret_landlock is the kernel's landlock version, 0 for none: the caller says so where it reports. */
MUST int sandbox_worker(const struct landlock_rule *rules, size_t n, int *ret_landlock, struct err *e);
