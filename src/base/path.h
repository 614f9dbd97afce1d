/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Files and folders: atomic replacement, making and removing trees. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* mkdir -p; folders made get mode. Existing ones are left as they are. */
MUST int path_make_dirs(const char *path, mode_t mode, struct err *e);
/* Writes data to path by temp file, fsync, rename, fsync of the folder. */
MUST int path_write_atomic(const char *path, const void *data, size_t n, mode_t mode, struct err *e);
/* Writes data to path by temp file and rename, without a sync: whole for every reader and after the end of any process, not after that of the host. */
MUST int path_write_whole(const char *path, const void *data, size_t n, mode_t mode, struct err *e);
/* fsync of a folder. */
MUST int path_sync_dir(const char *path, struct err *e);
/* unlink; missing is success. */
MUST int path_remove(const char *path, struct err *e);
/* rm -rf without following links or leaving the file system; missing is success. */
MUST int path_remove_tree(const char *path, struct err *e);
/* The folder part of path. Caller frees. */
char *path_dirname(const char *path);
