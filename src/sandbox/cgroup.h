/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Control groups of version 2, one for each VM within a group of ours, so that no VMM takes more of the machine than its VM was given.
 * Source: the kernel's Documentation/admin-guide/cgroup-v2.rst. */

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

struct cgroup_limits {
	int64_t memory_mib; /* with the page cache of its files, which is given back first */
	int64_t cpus;       /* whole processors' worth of time */
	int64_t tasks;
};

/* The group at that path, made if it is not there, in which groups can have limits. ERR_UNAVAILABLE: no groups of version 2 here, or none of the controllers. */
MUST int cgroup_make_parent(const char *path, struct err *e);
/* Makes group name within and sets its limits; one that is there gets them anew. */
MUST int cgroup_make(const char *parent, const char *name, const struct cgroup_limits *limits, struct err *e);
/* The process and what it will fork belong to that group from now on. */
MUST int cgroup_add(const char *parent, const char *name, pid_t pid, struct err *e);
/* Ends every process of that group, at once for all and those being forked too. No group, or a kernel before 5.14, which cannot: nothing happens. */
MUST int cgroup_kill(const char *parent, const char *name, struct err *e);
/* Removes the groups within that hold no process. */
void cgroup_sweep(const char *parent);
