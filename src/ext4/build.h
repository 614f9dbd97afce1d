/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Fills a fresh image quickly, entry by entry: content is written in one stream, folders last, sorted and indexed. Nobody else may have
 * the image open. Paths are the guest's, with or without leading "/" or "./"; ".." in them is ERR_INVALID. Symlinks on the way are
 * followed inside the image (".." of a target stops at its root), as a system running from it would. The last entry of a name wins; only
 * a folder on a folder merges. Folders that no entry names are made as root's with 0755. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"
#include "ext4/meta.h"

struct ext4_build;

struct ext4_xattr {
	const char *name; /* "user.x", "security.capability", "system.posix_acl_access" (Linux's or the stored form), ... */
	const void *value;
	size_t n;
};

struct ext4_entry {
	const char *path;
	struct ext4_meta meta;
	uint64_t size;      /* of a regular file; holes included */
	const char *target; /* of a symlink */
	const struct ext4_xattr *xattrs;
	size_t n_xattrs;
};

/* image: just made by ext4_mkfs, nothing in it yet. */
MUST int ext4_build_new(const char *image, struct ext4_build **ret, struct err *e);
/* Adds a folder, file, symlink, device, fifo or socket. ERR_NO_SPACE when blocks or inodes run out. */
MUST int ext4_build_add(struct ext4_build *b, const struct ext4_entry *in, struct err *e);
/* Content of the file added last, at ascending offsets below its size; what is left out stays a hole. */
MUST int ext4_build_data(struct ext4_build *b, uint64_t offset, const void *data, size_t n, struct err *e);
/* Another name for a file. The target may come later; if it never does, ext4_build_finish says ERR_INVALID. */
MUST int ext4_build_link(struct ext4_build *b, const char *path, const char *target, struct err *e);
/* Takes a name away again, with all below it; missing is success. For whiteouts of layers. */
MUST int ext4_build_remove(struct ext4_build *b, const char *path, struct err *e);
/* Says whether something has that name by now, following symlinks on the way but not at the end. */
bool ext4_build_has(struct ext4_build *b, const char *path);
/* Writes folders and tables; with sync also to the disk. b is gone in either case; after an error the image is to be thrown away. */
MUST int ext4_build_finish(struct ext4_build *b, bool sync, struct err *e);
/* Gives up. NULL is fine. */
void ext4_build_free(struct ext4_build *b);
AUTO_DEFINE(struct ext4_build, ext4_build_free);
