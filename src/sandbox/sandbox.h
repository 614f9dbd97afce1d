/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A role's confinement in one call, from the parts in caps, landlock and seccomp. What a role needs stands, with reasons, in profiles.c and caps.h. */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "sandbox/landlock.h"
#include "sandbox/seccomp.h"

/* False in sanitizer builds, whose run-time needs calls that no profile allows: there are no filters and no landlock then. */
bool sandbox_available(void);

/* Confines a worker for good, all its threads: files beneath rules only (landlock, as far as the kernel has it), the worker's system calls only.
 * Descriptors that are open stay usable. *ret_landlock is the kernel's landlock version, 0 for none: the caller says so where it reports. */
MUST int sandbox_worker(const struct landlock_rule *rules, size_t n, int *ret_landlock, struct err *e);

/* For the helper once its sockets are open: the capabilities of caps_helper and the helper's filter. */
MUST int sandbox_helper(struct err *e);

/* For the helper's launcher: the capabilities of caps_launcher, with jail those of caps_jail, and a filter. What it launches inherits both. */
MUST int sandbox_launcher(bool jail, struct err *e);

/* A VMM's confinement: prepared by the parent, entered between fork and exec (proc_spawn.before_exec with the program as argument; -1 with errno). No
 * capabilities but caps_vmm, which an exec as root does not bring back, and the VMM's filter. */
void sandbox_vmm_prepare(struct seccomp_program *ret);
int sandbox_vmm_enter(void *program);
