/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A new file system as mke2fs would make it: the steps that its program adds to libext2fs. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uuid/uuid.h>

#include "base/auto.h"
#include "ext4/ext4_internal.h"
#include "ext4/fs.h"

#define JOURNAL_MIN_BLOCKS 2048 /* file systems below that get none, as with mke2fs */
/* Blocks kept so that a mounted file system can grow: by 8 GiB for each, and any further when it is not mounted. mke2fs keeps them for 1024 times the
 * size, 1024 blocks at most, and each is written: 4 MiB for every new disk. With ours a disk of more than 1 GiB grows by 1 TiB. */
#define GROWTH_BLOCKS 128
#define GROWTH_FROM (UINT64_C(1) << 30)
#define GROWTH_BYTES (UINT64_C(1) << 40)

static void set_features(struct ext2_super_block *sb, bool journal)
{
	if (journal)
		ext2fs_set_feature_journal(sb);
	ext2fs_set_feature_xattr(sb);
	ext2fs_set_feature_resize_inode(sb);
	ext2fs_set_feature_dir_index(sb);
	ext2fs_set_feature_filetype(sb);
	ext2fs_set_feature_extents(sb);
	ext2fs_set_feature_64bit(sb);
	ext2fs_set_feature_flex_bg(sb);
	ext2fs_set_feature_csum_seed(sb);
	ext2fs_set_feature_sparse_super(sb);
	ext2fs_set_feature_large_file(sb);
	ext2fs_set_feature_huge_file(sb);
	ext2fs_set_feature_dir_nlink(sb);
	ext2fs_set_feature_extra_isize(sb);
	ext2fs_set_feature_metadata_csum(sb);
}

static int make_file(const char *path, uint64_t bytes, struct err *e)
{
	AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);

	if (fd < 0)
		return err_sys(e, errno, "create image '%s'", path);
	/* emptied first: what follows relies on every byte being zero */
	if (ftruncate(fd, 0) < 0 || ftruncate(fd, (off_t)bytes) < 0)
		return err_sys(e, errno, "size image '%s'", path);
	return 0;
}

static int initialize(const char *path, const struct ext4_mkfs *how, ext2_filsys *ret, struct err *e)
{
	struct ext2_super_block sb = { 0 };
	uint64_t blocks = how->bytes / EXT4_BLOCK_BYTES;
	uint64_t inodes = how->inodes ? how->inodes + EXT2_GOOD_OLD_FIRST_INO : how->bytes / EXT4_INODE_RATIO;
	ext2_filsys fs;
	errcode_t r;

	if (inodes > UINT32_MAX || inodes > how->bytes / 512)
		return err_set(e, ERR_NO_SPACE, "make '%s': %llu inodes do not fit into %llu bytes", path, (unsigned long long)inodes,
			       (unsigned long long)how->bytes);
	sb.s_rev_level = EXT2_DYNAMIC_REV;
	ext2fs_blocks_count_set(&sb, blocks);
	ext2fs_r_blocks_count_set(&sb, how->no_journal ? 0 : blocks / 20);
	sb.s_log_block_size = sb.s_log_cluster_size = 2;
	sb.s_inode_size = 256;
	sb.s_inodes_count = (uint32_t)inodes;
	sb.s_log_groups_per_flex = 4;
	sb.s_desc_size = EXT2_MIN_DESC_SIZE_64BIT;
	if (how->bytes > GROWTH_FROM && how->bytes <= EXT4_MAX_BYTES - GROWTH_BYTES) /* others need fewer */
		sb.s_reserved_gdt_blocks = GROWTH_BLOCKS;
	set_features(&sb, !how->no_journal && blocks >= JOURNAL_MIN_BLOCKS);
	r = ext2fs_initialize(path, EXT2_FLAG_64BITS, &sb, unix_io_manager, &fs);
	if (r)
		return ext4_fail(e, r, "make file system '%s'", path);
	*ret = fs;
	return 0;
}

static void set_super(ext2_filsys fs, const char *label)
{
	struct ext2_super_block *sb = fs->super;

	io_channel_set_options(fs->io, IO_CACHE_SOME);
	sb->s_checksum_type = EXT2_CRC32C_CHKSUM;
	uuid_generate(sb->s_uuid);
	/* before anything is written: every checksum has it in it */
	sb->s_checksum_seed = ext2fs_crc32c_le(~0U, sb->s_uuid, sizeof(sb->s_uuid));
	ext2fs_init_csum_seed(fs);
	sb->s_def_hash_version = EXT2_HASH_HALF_MD4;
	uuid_generate((unsigned char *)sb->s_hash_seed);
	sb->s_flags |= (char)-1 < 0 ? EXT2_FLAGS_SIGNED_HASH : EXT2_FLAGS_UNSIGNED_HASH;
	sb->s_default_mount_opts = EXT2_DEFM_XATTR_USER | EXT2_DEFM_ACL;
	sb->s_min_extra_isize = sb->s_want_extra_isize = sizeof(struct ext2_inode_large) - EXT2_GOOD_OLD_INODE_SIZE;
	sb->s_max_mnt_count = -1;
	sb->s_checkinterval = 0;
	sb->s_kbytes_written = 1;
	if (label)
		memcpy(sb->s_volume_name, label, strlen(label));
}

/* The tables are zero because the file is new, so no group needs the kernel's lazy zeroing. */
static errcode_t mark_tables(ext2_filsys fs)
{
	union inode_room zero = { 0 };
	errcode_t r = 0;

	for (dgrp_t i = 0; i < fs->group_desc_count; i++) {
		ext2fs_bg_flags_set(fs, i, EXT2_BG_INODE_ZEROED);
		ext2fs_group_desc_csum_set(fs, i);
	}
	/* reserved inodes carry a checksum even when they are unused */
	for (ext2_ino_t i = 1; !r && i < EXT2_FIRST_INODE(fs->super); i++)
		r = ext2fs_write_inode_full(fs, i, &zero.small, (int)EXT2_INODE_SIZE(fs->super));
	return r;
}

static errcode_t make_lost_found(ext2_filsys fs)
{
	ext2_ino_t ino;
	errcode_t r;

	fs->umask = 077;
	r = ext2fs_mkdir(fs, EXT2_ROOT_INO, 0, "lost+found");
	if (!r)
		r = ext2fs_lookup(fs, EXT2_ROOT_INO, "lost+found", 10, NULL, &ino);
	for (int i = 0; !r && i < 3; i++) /* 16 KiB, so that a check need not allocate */
		r = ext2fs_expand_dir(fs, ino);
	return r;
}

static errcode_t populate(ext2_filsys fs)
{
	errcode_t r = ext2fs_allocate_tables(fs);

	if (!r)
		r = mark_tables(fs);
	if (!r)
		r = ext2fs_mkdir(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, NULL);
	if (!r)
		r = make_lost_found(fs);
	for (ext2_ino_t i = EXT2_ROOT_INO + 1; !r && i < EXT2_FIRST_INODE(fs->super); i++)
		ext2fs_inode_alloc_stats2(fs, i, +1, 0);
	if (!r) {
		ext2fs_mark_inode_bitmap2(fs->inode_map, EXT2_BAD_INO);
		ext2fs_inode_alloc_stats2(fs, EXT2_BAD_INO, +1, 0);
		r = ext2fs_update_bb_inode(fs, NULL);
	}
	if (!r)
		r = ext2fs_create_resize_inode(fs);
	if (!r && ext2fs_has_feature_journal(fs->super)) {
		int blocks = ext2fs_default_journal_size(ext2fs_blocks_count(fs->super));
		r = ext2fs_add_journal_inode2(fs, (blk_t)blocks, ~0ULL, EXT2_MKJOURNAL_LAZYINIT | EXT2_MKJOURNAL_NO_MNT_CHECK);
	}
	return r;
}

int ext4_mkfs(const char *path, const struct ext4_mkfs *how, struct err *e)
{
	struct ext4_mkfs rounded = *how;
	ext2_filsys fs;
	errcode_t r;

	rounded.bytes -= rounded.bytes % EXT4_BLOCK_BYTES;
	if (rounded.bytes < EXT4_MIN_BYTES || rounded.bytes > EXT4_MAX_BYTES)
		return err_set(e, ERR_INVALID, "make '%s': a file system cannot have %llu bytes", path, (unsigned long long)how->bytes);
	if (how->label && strlen(how->label) > EXT4_LABEL_MAX)
		return err_set(e, ERR_INVALID, "make '%s': label '%s' is longer than %d bytes", path, how->label, EXT4_LABEL_MAX);
	if (make_file(path, rounded.bytes, e) < 0 || initialize(path, &rounded, &fs, e) < 0)
		return -1;
	set_super(fs, how->label);
	r = populate(fs);
	if (!r) {
		r = ext2fs_close2(fs, EXT2_FLAG_FLUSH_NO_SYNC);
		fs = r ? fs : NULL;
	}
	if (!r)
		return 0;
	ext4_fail(e, r, "make file system '%s'", path);
	ext2fs_free(fs);
	return -1;
}

uint64_t ext4_size_for(uint64_t data_bytes, uint64_t inodes)
{
	uint64_t blocks, bytes;
	int journal;

	bytes = data_bytes + inodes * 256 + inodes * 64; /* content rounded by the caller; tables; names */
	bytes += bytes / 10 + (UINT64_C(4) << 20);
	blocks = bytes / EXT4_BLOCK_BYTES;
	journal = ext2fs_default_journal_size(blocks);
	bytes += (journal > 0 ? (uint64_t)journal : 0) * EXT4_BLOCK_BYTES;
	return (bytes + (1 << 20) - 1) >> 20 << 20;
}
