/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Shared inside src/ext4: opening with checks, errors of libext2fs, inodes in our terms. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h> /* ext2fs.h wants dev_t and mode_t */

#include <ext2fs/ext2fs.h>

#include "base/err.h"
#include "ext4/fs.h"
#include "ext4/meta.h"

struct disk_cow;
struct ext4;

/* Starts an error from what libext2fs returned: its text follows ": ". Always -1. */
int ext4_fail(struct err *e, errcode_t code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Where a file system lies: in the file at path, or in a root of image and store, whose name path then is. */
struct ext4_at {
	const char *path;
	struct disk_cow *cow; /* or NULL */
};
/* Opens and judges it. Writable refuses (ERR_STATE) dirty images and (ERR_INVALID) those whose bookkeeping we would not keep. */
MUST int ext4_fs_open(const struct ext4_at *at, bool writable, ext2_filsys *ret, struct err *e);
/* The superblock alone, dirty or not. */
MUST int ext4_fs_peek(const struct ext4_at *at, ext2_filsys *ret, struct err *e);
/* ext4_info, ext4_check, ext4_replay and ext4_open for either. */
MUST int ext4_at_info(const struct ext4_at *at, struct ext4_info *ret, struct err *e);
MUST int ext4_at_check(const struct ext4_at *at, enum ext4_health *ret, char **ret_first, struct err *e);
MUST int ext4_at_replay(const struct ext4_at *at, struct err *e);
MUST int ext4_at_open(const struct ext4_at *at, bool writable, struct ext4 **ret, struct err *e);
/* libext2fs's way to a joined root: what is opened while cow is set, whatever its name, is that. For one thread. */
io_manager ext4_cow_io(struct disk_cow *cow);
bool ext4_fs_dirty(ext2_filsys fs);
bool ext4_fs_damaged(ext2_filsys fs);

/* Options for libext2fs's block cache. Each block of it costs a page fault when the file is opened, used or not. */
#define IO_CACHE_SOME "cache_blocks=64"
#define IO_CACHE_MUCH "cache_blocks=256"

/* Room for the inodes of images that have larger ones than we make. */
#define INODE_BYTES_MAX 1024
union inode_room {
	struct ext2_inode_large large;
	struct ext2_inode small;
	uint8_t bytes[INODE_BYTES_MAX];
};

MUST int ext4_inode_read(ext2_filsys fs, ext2_ino_t ino, union inode_room *ret, struct err *e);
MUST int ext4_inode_write(ext2_filsys fs, ext2_ino_t ino, union inode_room *in, struct err *e);
/* Type, mode, owner, times and device number into a zeroed inode of inode_bytes; links, size and blocks are the caller's. */
void ext4_inode_fill(struct ext2_inode_large *in, const struct ext4_meta *meta, unsigned inode_bytes);
void ext4_inode_get(const union inode_room *in, unsigned inode_bytes, struct ext4_meta *ret);
/* Its content or names change now. */
void ext4_inode_touch(union inode_room *in, unsigned inode_bytes);
/* The directory entry's file type of a mode. */
int ext4_dirent_type(uint32_t mode);
