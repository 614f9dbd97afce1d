/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Walks a folder of modules on the host. */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Takes one regular file, path below lib/modules/RELEASE. */
typedef int (*modules_dir_fn)(void *arg, const char *path, int64_t mtime_s, const void *data, size_t n, struct err *e);

/* Gives the files of lib/modules/RELEASE to fn, names in order; dir_fd is that folder or one above it. Links are not followed. */
MUST int kernel_modules_dir_read(int dir_fd, const char *release, modules_dir_fn fn, void *arg, struct err *e);
