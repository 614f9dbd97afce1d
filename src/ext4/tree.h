/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Files inside an image that is not in use: inject, read back, list, remove. Paths are the guest's, with or without a leading slash;
 * symlinks on the way are followed inside the image only, ".." stops at its root. Names may be any bytes but '/' and NUL. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"
#include "ext4/meta.h"

#define EXT4_PATH_MAX 4096 /* Linux's PATH_MAX, links included */
#define EXT4_NAME_MAX 255
#define EXT4_LINKS_MAX 40  /* symlinks followed in one path, as Linux does */

struct ext4;

struct ext4_stat {
	struct ext4_meta meta;
	uint64_t size; /* bytes; of a symlink the length of its target */
	uint32_t ino, links;
};

/* Opens a clean image; the path is kept for messages. ERR_STATE when the journal must be replayed first (ext4_replay), ERR_CORRUPT for
 * damage, ERR_INVALID for features whose bookkeeping we would leave stale. */
MUST int ext4_open(const char *path, bool writable, struct ext4 **ret, struct err *e);
/* Writes back, syncs and frees; x is gone in either case. */
MUST int ext4_close(struct ext4 *x, struct err *e);
/* Frees without writing back: for error paths. After changes were made the image is then to be thrown away. NULL is fine. */
void ext4_free(struct ext4 *x);
AUTO_DEFINE(struct ext4, ext4_free);

/* Follows a symlink at the end of path if follow is set. ERR_NOT_FOUND when something is missing. */
MUST int ext4_stat(struct ext4 *x, const char *path, bool follow, struct ext4_stat *ret, struct err *e);
/* The whole file, symlinks followed, NUL-terminated; larger than max is ERR_INVALID. Caller frees. */
MUST int ext4_read_file(struct ext4 *x, const char *path, size_t max, char **ret, size_t *ret_n, struct err *e);
/* The target of a symlink. Caller frees. */
MUST int ext4_read_link(struct ext4 *x, const char *path, char **ret, struct err *e);
/* Calls fn for each name in a folder but "." and ".."; it returns 0 to go on, else the walk ends with success. fn changes nothing. */
typedef int (*ext4_list_fn)(void *arg, const char *name, const struct ext4_stat *st);
MUST int ext4_list(struct ext4 *x, const char *path, ext4_list_fn fn, void *arg, struct err *e);

/* Makes a regular file with this content, replacing what had the name unless that is a folder (ERR_EXISTS). A symlink at the end of path
 * is replaced, not followed. The folder must exist. ERR_NO_SPACE when the image is full. */
MUST int ext4_put_file(struct ext4 *x, const char *path, const void *data, size_t n, const struct ext4_meta *meta, struct err *e);
/* Makes a symlink, replacing like ext4_put_file. */
MUST int ext4_symlink(struct ext4 *x, const char *path, const char *target, const struct ext4_meta *meta, struct err *e);
/* Makes a folder; an existing one (or a symlink to one) is success and stays as it is. */
MUST int ext4_mkdir(struct ext4 *x, const char *path, const struct ext4_meta *meta, struct err *e);
/* The same for every missing folder on the way. */
MUST int ext4_make_dirs(struct ext4 *x, const char *path, const struct ext4_meta *meta, struct err *e);
/* Sets permissions, owner and times; the type stays. */
MUST int ext4_set_meta(struct ext4 *x, const char *path, const struct ext4_meta *meta, struct err *e);
/* Removes a file, or a folder with all in it; a symlink itself. Missing is success. */
MUST int ext4_remove(struct ext4 *x, const char *path, struct err *e);
