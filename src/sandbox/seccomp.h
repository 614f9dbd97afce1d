/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Filters of system calls (linux/seccomp.h). Built in the parent, installed by one call that is safe between fork and exec. */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum seccomp_profile {
	SECCOMP_WORKER, /* what a worker needs once its files are named: all else fails, what no honest worker calls ends it */
	SECCOMP_HELPER, /* calls the helper has no use for fail */
	SECCOMP_LAUNCHER, /* likewise; what it launches inherits it */
	SECCOMP_VMM,    /* for a VMM before its exec: the same, no sockets but unix ones, and nothing that changes mounts or namespaces */
};

#define SECCOMP_INSTRUCTIONS_MAX 1024

/* Instructions of the kernel's BPF machine, 8 bytes each. */
struct seccomp_program {
	unsigned short n;
	uint64_t instructions[SECCOMP_INSTRUCTIONS_MAX];
};

void seccomp_build(enum seccomp_profile profile, struct seccomp_program *ret);
/* For all threads, for good; sets no_new_privs. Async-signal-safe. -1 with errno: ENOSYS or EINVAL without seccomp filters, ESRCH when a thread cannot
 * be brought along. */
int seccomp_install(const struct seccomp_program *p);
