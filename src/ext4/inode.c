/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inodes in our terms, and the errors of libext2fs. Format: fs/ext4/ext4.h of Linux and its Documentation/filesystems/ext4. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "ext4/ext4_internal.h"

static enum err_code code_of(errcode_t code)
{
	switch (code) {
	case EXT2_ET_BLOCK_ALLOC_FAIL:
	case EXT2_ET_INODE_ALLOC_FAIL:
	case EXT2_ET_DIR_NO_SPACE:
	case EXT2_ET_TOOSMALL:
		return ERR_NO_SPACE;
	case EXT2_ET_FILE_NOT_FOUND:
		return ERR_NOT_FOUND;
	case EXT2_ET_FILE_EXISTS:
	case EXT2_ET_DIR_EXISTS:
		return ERR_EXISTS;
	case EXT2_ET_UNSUPP_FEATURE:
	case EXT2_ET_RO_UNSUPP_FEATURE:
	case EXT2_ET_FILE_TOO_BIG:
	case EXT2_ET_EA_NO_SPACE:
	case EXT2_ET_EA_BAD_NAME_LEN:
		return ERR_INVALID;
	default:
		return ERR_CORRUPT;
	}
}

int ext4_fail(struct err *e, errcode_t code, const char *fmt, ...)
{
	char msg[sizeof(e->msg)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (code == EXT2_ET_NO_MEMORY)
		code = ENOMEM;
	if (code > 0 && code < 4096) /* libext2fs passes errno on as it is */
		return err_sys(e, (int)code, "%s", msg);
	initialize_ext2_error_table();
	return err_set(e, code_of(code), "%s: %s", msg, error_message(code));
}

struct ext4_meta ext4_meta(uint32_t mode, uint32_t uid, uint32_t gid, int64_t s)
{
	struct ext4_time t = { s, 0 };
	struct timespec now;

	if (s == 0) {
		clock_gettime(CLOCK_REALTIME, &now);
		t = (struct ext4_time){ now.tv_sec, (uint32_t)now.tv_nsec };
	}
	return (struct ext4_meta){ .mode = mode, .uid = uid, .gid = gid, .atime = t, .ctime = t, .mtime = t };
}

int ext4_dirent_type(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return EXT2_FT_REG_FILE;
	case S_IFDIR:
		return EXT2_FT_DIR;
	case S_IFLNK:
		return EXT2_FT_SYMLINK;
	case S_IFCHR:
		return EXT2_FT_CHRDEV;
	case S_IFBLK:
		return EXT2_FT_BLKDEV;
	case S_IFIFO:
		return EXT2_FT_FIFO;
	case S_IFSOCK:
		return EXT2_FT_SOCK;
	default:
		return EXT2_FT_UNKNOWN;
	}
}

int ext4_inode_read(ext2_filsys fs, ext2_ino_t ino, union inode_room *ret, struct err *e)
{
	union inode_room in = { 0 };
	errcode_t r;

	if (EXT2_INODE_SIZE(fs->super) > INODE_BYTES_MAX)
		return err_set(e, ERR_INVALID, "'%s' has inodes of %u bytes, more than are handled", fs->device_name, EXT2_INODE_SIZE(fs->super));
	r = ext2fs_read_inode_full(fs, ino, &in.small, (int)EXT2_INODE_SIZE(fs->super));
	if (r)
		return ext4_fail(e, r, "read inode %u of '%s'", ino, fs->device_name);
	*ret = in;
	return 0;
}

int ext4_inode_write(ext2_filsys fs, ext2_ino_t ino, union inode_room *in, struct err *e)
{
	errcode_t r = ext2fs_write_inode_full(fs, ino, &in->small, (int)EXT2_INODE_SIZE(fs->super));

	if (r)
		return ext4_fail(e, r, "write inode %u of '%s'", ino, fs->device_name);
	return 0;
}

/* 34 bits of seconds: the lower half in the old field, two epoch bits below the nanoseconds. Out of range becomes the nearest end. */
static void put_time(struct ext4_time t, __u32 *seconds, __u32 *extra)
{
	const int64_t min = INT32_MIN, max = (int64_t)INT32_MAX + (INT64_C(3) << 32);

	if (t.s < min || t.s > max)
		t = (struct ext4_time){ t.s < min ? min : max, 0 };
	*seconds = (uint32_t)t.s;
	if (extra)
		*extra = (uint32_t)(((t.s - (int32_t)*seconds) >> 32) & 3) | t.ns << 2;
	else if (t.s > INT32_MAX)
		*seconds = INT32_MAX;
}

static struct ext4_time get_time(uint32_t seconds, uint32_t extra)
{
	return (struct ext4_time){ (int64_t)(int32_t)seconds + ((int64_t)(extra & 3) << 32), extra >> 2 };
}

/* Each field behind the old 128 bytes counts only when the inode has room for it and says that it uses it. */
#define HAS_EXTRA(in, inode_bytes, field)                                                                      \
	((inode_bytes) > EXT2_GOOD_OLD_INODE_SIZE &&                                                               \
	 (size_t)(in)->i_extra_isize + EXT2_GOOD_OLD_INODE_SIZE >= offsetof(struct ext2_inode_large, field) + sizeof((in)->field))

void ext4_inode_fill(struct ext2_inode_large *in, const struct ext4_meta *meta, unsigned inode_bytes)
{
	in->i_mode = (uint16_t)meta->mode;
	in->i_uid = (uint16_t)meta->uid;
	in->osd2.linux2.l_i_uid_high = (uint16_t)(meta->uid >> 16);
	in->i_gid = (uint16_t)meta->gid;
	in->osd2.linux2.l_i_gid_high = (uint16_t)(meta->gid >> 16);
	/* 0 means that nothing, not even attributes, is behind yet; another value decides where attributes begin and must stay */
	if (inode_bytes > EXT2_GOOD_OLD_INODE_SIZE && in->i_extra_isize == 0)
		in->i_extra_isize = sizeof(*in) - EXT2_GOOD_OLD_INODE_SIZE;
	put_time(meta->atime, &in->i_atime, HAS_EXTRA(in, inode_bytes, i_atime_extra) ? &in->i_atime_extra : NULL);
	put_time(meta->ctime, &in->i_ctime, HAS_EXTRA(in, inode_bytes, i_ctime_extra) ? &in->i_ctime_extra : NULL);
	put_time(meta->mtime, &in->i_mtime, HAS_EXTRA(in, inode_bytes, i_mtime_extra) ? &in->i_mtime_extra : NULL);
	if (HAS_EXTRA(in, inode_bytes, i_crtime_extra) && in->i_crtime == 0)
		put_time(meta->mtime, &in->i_crtime, &in->i_crtime_extra);
	if (!S_ISCHR(meta->mode) && !S_ISBLK(meta->mode))
		return;
	if (meta->major < 256 && meta->minor < 256)
		in->i_block[0] = meta->major << 8 | meta->minor;
	else
		in->i_block[1] = (meta->minor & 0xff) | (meta->major & 0xfff) << 8 | (meta->minor & ~0xffu) << 12;
}

void ext4_inode_touch(union inode_room *in, unsigned inode_bytes)
{
	struct ext4_time now = ext4_meta(0, 0, 0, 0).mtime;
	struct ext2_inode_large *l = &in->large;

	put_time(now, &l->i_mtime, HAS_EXTRA(l, inode_bytes, i_mtime_extra) ? &l->i_mtime_extra : NULL);
	put_time(now, &l->i_ctime, HAS_EXTRA(l, inode_bytes, i_ctime_extra) ? &l->i_ctime_extra : NULL);
}

void ext4_inode_get(const union inode_room *in, unsigned inode_bytes, struct ext4_meta *ret)
{
	const struct ext2_inode_large *l = &in->large;

	*ret = (struct ext4_meta){
		.mode = l->i_mode,
		.uid = l->i_uid | (uint32_t)l->osd2.linux2.l_i_uid_high << 16,
		.gid = l->i_gid | (uint32_t)l->osd2.linux2.l_i_gid_high << 16,
		.atime = get_time(l->i_atime, HAS_EXTRA(l, inode_bytes, i_atime_extra) ? l->i_atime_extra : 0),
		.ctime = get_time(l->i_ctime, HAS_EXTRA(l, inode_bytes, i_ctime_extra) ? l->i_ctime_extra : 0),
		.mtime = get_time(l->i_mtime, HAS_EXTRA(l, inode_bytes, i_mtime_extra) ? l->i_mtime_extra : 0),
	};
	if (!S_ISCHR(l->i_mode) && !S_ISBLK(l->i_mode))
		return;
	if (l->i_block[0]) {
		ret->major = l->i_block[0] >> 8 & 0xff;
		ret->minor = l->i_block[0] & 0xff;
	} else {
		ret->major = l->i_block[1] >> 8 & 0xfff;
		ret->minor = (l->i_block[1] & 0xff) | (l->i_block[1] >> 12 & 0xfff00);
	}
}
