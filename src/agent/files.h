/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Small files of the running guest. Nothing is synced: a boot does not wait for its disks, and all of it is written again at the next. */

#include <sys/types.h>

#include "base/err.h"

/* mkdir -p with mode 0755. */
MUST int files_make_dirs(const char *path, struct err *e);
/* Replaces the contents of path, which gets that mode when it is new. */
MUST int files_write(const char *path, const char *text, mode_t mode, struct err *e);
/* Writes a short value to a file of the kernel's. */
MUST int files_set(const char *path, const char *value, struct err *e);
