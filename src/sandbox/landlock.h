/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Which files a process can name (linux/landlock.h). Descriptors that are open stay usable. */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* A folder with all beneath it, or a file. */
struct landlock_rule {
	const char *path; /* NULL: fd, any descriptor of it; pipes and sockets are passed over */
	int fd;
	bool write;       /* also write, make, rename and remove */
};

/* The kernel's version of landlock, 0 when it has none or it is switched off. */
int landlock_version(void);
/* From now on this thread and its future threads and children reach files only by the rules, execute none, and (from version 4) use no TCP, (from 6)
 * neither abstract unix sockets of others nor signal others. Sets no_new_privs. *ret_version is 0 when the kernel has no landlock: nothing
 * is restricted then. A rule's path must exist: ERR_NOT_FOUND. */
MUST int landlock_restrict(const struct landlock_rule *rules, size_t n, int *ret_version, struct err *e);
