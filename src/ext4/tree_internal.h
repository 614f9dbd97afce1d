/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Shared by the tree's files. */

#include "ext4/ext4_internal.h"
#include "ext4/tree.h"

struct ext4 {
	ext2_filsys fs;
	char *path;
	bool writable;
	struct disk_cow *cow; /* borrowed, of a joined root; else NULL */
};

/* Where a path leads: the folder that holds its last name, and the inode of that, 0 when there is none. The root has parent 0. */
struct spot {
	ext2_ino_t parent, ino;
	char name[EXT4_NAME_MAX + 1];
};

/* ERR_NOT_FOUND when a folder on the way is missing; a missing last name is success with ino 0. */
MUST int ext4_walk(struct ext4 *x, const char *path, bool follow, struct spot *ret, struct err *e);
/* The same, and ERR_NOT_FOUND for a missing last name. */
MUST int ext4_find(struct ext4 *x, const char *path, bool follow, ext2_ino_t *ret, struct err *e);
/* Target of a symlink's inode. Caller frees. */
MUST int ext4_target(struct ext4 *x, ext2_ino_t ino, const union inode_room *in, char **ret, struct err *e);
MUST int ext4_load(struct ext4 *x, ext2_ino_t ino, union inode_room *ret, struct err *e);
/* Takes the name out of its folder and what it named away, if that was its last name; folders with their content. */
MUST int ext4_drop(struct ext4 *x, const struct spot *at, struct err *e);
/* Reads len bytes at offset, fewer only at the end of the file. */
MUST int ext4_read_at(struct ext4 *x, ext2_ino_t ino, uint64_t size, uint64_t offset, void *buf, size_t len, struct err *e);
