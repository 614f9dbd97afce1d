/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening an image: nothing is believed before the superblock fits the file. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "disk/cow.h"
#include "ext4/ext4_internal.h"

/* 16 TiB in groups of 128 MiB is an eighth of this; more groups only come from a superblock made to cost memory. */
#define GROUPS_MAX (UINT32_C(1) << 20)
/* Any option stops libext2fs from taking what follows a '?' in the name for options. This one says what holds anyway. */
#define IO_NO_CACHE "offset=0"

bool ext4_fs_dirty(ext2_filsys fs)
{
	return ext2fs_has_feature_journal_needs_recovery(fs->super) || ext2fs_has_feature_orphan_present(fs->super) || fs->super->s_last_orphan ||
	       !(fs->super->s_state & EXT2_VALID_FS);
}

bool ext4_fs_damaged(ext2_filsys fs)
{
	return fs->super->s_state & EXT2_ERROR_FS;
}

/* UINT64_MAX for a block device, which libext2fs measures itself. */
static MUST int measure(const struct ext4_at *at, uint64_t *ret_bytes, struct err *e)
{
	struct stat st;

	if (at->cow) {
		*ret_bytes = disk_cow_bytes(at->cow);
		return 0;
	}
	if (stat(at->path, &st) < 0)
		return err_sys(e, errno, "open image '%s'", at->path);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(e, ERR_INVALID, "image '%s' is not a regular file", at->path);
	*ret_bytes = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : UINT64_MAX;
	return 0;
}

static int judge(ext2_filsys fs, const struct ext4_at *at, struct err *e)
{
	uint64_t blocks = ext2fs_blocks_count(fs->super), bytes;
	const char *path = at->path;

	if (measure(at, &bytes, e) < 0)
		return -1;
	if (blocks > bytes / fs->blocksize)
		return err_set(e, ERR_CORRUPT, "image '%s' is cut off: its file system has %llu blocks of %u bytes, the file only %llu bytes", path,
			       (unsigned long long)blocks, fs->blocksize, (unsigned long long)bytes);
	if (fs->group_desc_count > GROUPS_MAX)
		return err_set(e, ERR_CORRUPT, "image '%s' claims %u block groups", path, fs->group_desc_count);
	if (EXT2_INODE_SIZE(fs->super) > INODE_BYTES_MAX)
		return err_set(e, ERR_INVALID, "image '%s' has inodes of %u bytes, more than are handled", path, EXT2_INODE_SIZE(fs->super));
	if (EXT2_FIRST_INODE(fs->super) < EXT2_GOOD_OLD_FIRST_INO || EXT2_FIRST_INODE(fs->super) > fs->super->s_inodes_count)
		return err_set(e, ERR_CORRUPT, "image '%s' has a wrong first inode", path);
	return 0;
}

static int open_raw(const struct ext4_at *at, const char *io_options, int flags, ext2_filsys *ret, struct err *e)
{
	const char *path = at->path;
	io_manager io = at->cow ? ext4_cow_io(at->cow) : unix_io_manager;
	errcode_t r = ext2fs_open2(path, io_options, flags | EXT2_FLAG_64BITS | EXT2_FLAG_SKIP_MMP, 0, 0, io, ret);

	if (r == EXT2_ET_BAD_MAGIC || r == EXT2_ET_SHORT_READ)
		return err_set(e, ERR_CORRUPT, "'%s' is not an ext4 image", path);
	if (r)
		return ext4_fail(e, r, "open image '%s'", path);
	return 0;
}

int ext4_fs_peek(const struct ext4_at *at, ext2_filsys *ret, struct err *e)
{
	ext2_filsys fs;

	if (open_raw(at, IO_NO_CACHE, EXT2_FLAG_SUPER_ONLY, &fs, e) < 0)
		return -1;
	if (judge(fs, at, e) < 0) {
		ext2fs_free(fs);
		return -1;
	}
	*ret = fs;
	return 0;
}

static int judge_state(ext2_filsys fs, const struct ext4_at *at, bool writable, struct err *e)
{
	const char *path = at->path;

	if (ext4_fs_damaged(fs)) {
		err_set(e, ERR_CORRUPT, "image '%s' is marked as damaged", path);
		return at->cow ? -1 : err_hint(e, "repair it with: e2fsck -f %s", path);
	}
	if (ext4_fs_dirty(fs)) {
		err_set(e, ERR_STATE, "image '%s' was not unmounted cleanly", path);
		return at->cow ? -1 : err_hint(e, "replay its journal with: e2fsck -p %s", path);
	}
	if (!writable)
		return 0;
	/* each of these has bookkeeping outside of the inode and the bitmaps that we would leave stale */
	if (ext2fs_has_feature_quota(fs->super) || ext2fs_has_feature_project(fs->super) || ext2fs_has_feature_mmp(fs->super) ||
	    ext2fs_has_feature_shared_blocks(fs->super) || ext2fs_has_feature_encrypt(fs->super))
		return err_set(e, ERR_INVALID, "image '%s' uses quota, project, mmp, shared_blocks or encrypt, which are not edited", path);
	return 0;
}

int ext4_fs_open(const struct ext4_at *at, bool writable, ext2_filsys *ret, struct err *e)
{
	const char *path = at->path;
	ext2_filsys fs;
	errcode_t r;

	if (ext4_fs_peek(at, &fs, e) < 0)
		return -1;
	int bad = judge_state(fs, at, writable, e);
	ext2fs_free(fs);
	if (bad < 0 || open_raw(at, writable ? IO_CACHE_MUCH : IO_CACHE_SOME, writable ? EXT2_FLAG_RW : 0, &fs, e) < 0)
		return -1;
	r = ext2fs_check_desc(fs);
	if (!r && writable)
		r = ext2fs_read_bitmaps(fs);
	if (r) {
		ext4_fail(e, r, "open image '%s'", path);
		ext2fs_free(fs);
		return -1;
	}
	*ret = fs;
	return 0;
}
