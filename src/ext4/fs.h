/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Whole ext4 images: make, measure, check, replay the journal, grow. Images are files of their own (or /proc/self/fd/N); nothing is
 * mounted and no program is run. Every image is taken to be hostile. */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define EXT4_BLOCK_BYTES 4096            /* of what we make; foreign images may have others */
#define EXT4_MIN_BYTES (UINT64_C(1) << 20)
#define EXT4_MAX_BYTES (UINT64_C(1) << 44) /* 16 TiB, where 32-bit block numbers end */
#define EXT4_INODE_RATIO 16384           /* bytes for each inode, mke2fs's default */
#define EXT4_LABEL_MAX 16

struct ext4_mkfs {
	uint64_t bytes;    /* size of the image, rounded down to whole blocks */
	const char *label; /* NULL for none; up to EXT4_LABEL_MAX bytes */
	uint64_t inodes;   /* at least so many can be made; 0: one for each EXT4_INODE_RATIO bytes */
	bool no_journal;   /* for images that are only ever mounted read-only */
};

enum ext4_health {
	EXT4_CLEAN,
	EXT4_DIRTY,   /* the journal or the orphan list must be replayed */
	EXT4_DAMAGED, /* needs a repair beyond that, or is no ext4 */
};

struct ext4_info {
	uint64_t bytes, free_bytes; /* free: what root can still write */
	uint64_t inodes, free_inodes;
	uint32_t block_bytes;
	enum ext4_health health; /* by what the superblock says; ext4_check looks at everything */
	bool has_journal;
	char label[EXT4_LABEL_MAX + 1];
	char uuid[37];
};

/* Makes path an empty file system, sparse: created with mode 0640, or emptied if it exists. mke2fs's ext4 defaults with 4 KiB blocks but
 * without orphan_file, which kernels before 5.15 refuse. Not synced: what fills it does that. */
MUST int ext4_mkfs(const char *path, const struct ext4_mkfs *how, struct err *e);
/* Reads the superblock. ERR_CORRUPT when there is none or the image is shorter than it says. */
MUST int ext4_info(const char *path, struct ext4_info *ret, struct err *e);
/* Checks everything, writes nothing (e2fsck -fn in a child process). *ret_first, if not NULL, gets the first complaint, "" when clean;
 * caller frees. ERR_CANCELLED when the process is. */
MUST int ext4_check(const char *path, enum ext4_health *ret, char **ret_first, struct err *e);
/* Makes a dirty image clean: journal, orphans, counters; e2fsck -p in a child process. Clean images are left alone.
 * ERR_CORRUPT when it needs a decision. Syncs. */
MUST int ext4_replay(const char *path, struct err *e);
/* Grows to bytes, file and file system; smaller or equal is success and changes nothing. ERR_STATE for a dirty image. Syncs. */
MUST int ext4_grow(const char *path, uint64_t bytes, struct err *e);
/* Bytes an image needs for so much file data in so many inodes: tables, journal and a tenth to spare, rounded up to MiB. */
uint64_t ext4_size_for(uint64_t data_bytes, uint64_t inodes);
