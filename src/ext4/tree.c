/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening, and what only reads. */
#include "ext4/tree.h"

#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "disk/cow.h"
#include "ext4/tree_internal.h"

#define LIST_MAX 10000000 /* names in one folder: ten times what anyone has, and a bound for an image that loops */

int ext4_at_open(const struct ext4_at *at, bool writable, struct ext4 **ret, struct err *e)
{
	ext2_filsys fs;

	if (ext4_fs_open(at, writable, &fs, e) < 0)
		return -1;
	struct ext4 *x = NEW(struct ext4);
	x->fs = fs;
	x->path = mem_strdup(at->path);
	x->writable = writable;
	x->cow = at->cow;
	*ret = x;
	return 0;
}

int ext4_open(const char *path, bool writable, struct ext4 **ret, struct err *e)
{
	return ext4_at_open(&(struct ext4_at){ path, NULL }, writable, ret, e);
}

int ext4_close(struct ext4 *x, struct err *e)
{
	errcode_t r = ext2fs_close(x->fs);
	int result = 0;

	if (r) {
		result = ext4_fail(e, r, "write image '%s'", x->path);
		ext2fs_free(x->fs);
	} else if (x->cow && x->writable) {
		result = disk_cow_commit(x->cow, e);
	}
	free(x->path);
	free(x);
	return result;
}

void ext4_free(struct ext4 *x)
{
	if (!x)
		return;
	ext2fs_free(x->fs);
	free(x->path);
	free(x);
}

static void fill_stat(struct ext4 *x, ext2_ino_t ino, const union inode_room *in, struct ext4_stat *ret)
{
	*ret = (struct ext4_stat){ .ino = ino, .links = in->large.i_links_count };
	ext4_inode_get(in, EXT2_INODE_SIZE(x->fs->super), &ret->meta);
	ret->size = EXT2_I_SIZE(&in->large);
}

int ext4_stat(struct ext4 *x, const char *path, bool follow, struct ext4_stat *ret, struct err *e)
{
	union inode_room in;
	ext2_ino_t ino;

	if (ext4_find(x, path, follow, &ino, e) < 0 || ext4_load(x, ino, &in, e) < 0)
		return -1;
	fill_stat(x, ino, &in, ret);
	return 0;
}

int ext4_read_at(struct ext4 *x, ext2_ino_t ino, uint64_t size, uint64_t offset, void *buf, size_t len, struct err *e)
{
	ext2_file_t file;
	unsigned got = 0;
	errcode_t r = ext2fs_file_open(x->fs, ino, 0, &file);

	if (r)
		return ext4_fail(e, r, "open inode %u of image '%s'", ino, x->path);
	r = ext2fs_file_llseek(file, offset, EXT2_SEEK_SET, NULL);
	for (size_t done = 0; !r && done < len; done += got) {
		size_t piece = len - done < (1 << 20) ? len - done : 1 << 20;
		r = ext2fs_file_read(file, (char *)buf + done, (unsigned)piece, &got);
		if (!r && got == 0)
			r = EXT2_ET_SHORT_READ;
	}
	ext2fs_file_close(file);
	if (r)
		return ext4_fail(e, r, "read inode %u of image '%s'", ino, x->path);
	return 0;
}

int ext4_read_file(struct ext4 *x, const char *path, size_t max, char **ret, size_t *ret_n, struct err *e)
{
	union inode_room in;
	ext2_ino_t ino;
	uint64_t size;

	if (ext4_find(x, path, true, &ino, e) < 0 || ext4_load(x, ino, &in, e) < 0)
		return -1;
	if (!S_ISREG(in.large.i_mode))
		return err_set(e, ERR_INVALID, "'%s' in image '%s' is not a regular file", path, x->path);
	size = EXT2_I_SIZE(&in.large);
	if (size > max)
		return err_set(e, ERR_INVALID, "'%s' in image '%s' has %llu bytes, more than %zu", path, x->path, (unsigned long long)size, max);
	AUTO_MEM char *data = mem_new((size_t)size + 1);
	if (size && ext4_read_at(x, ino, size, 0, data, (size_t)size, e) < 0)
		return err_wrap(e, "read '%s'", path);
	*ret = TAKE_PTR(data);
	*ret_n = (size_t)size;
	return 0;
}

int ext4_read_link(struct ext4 *x, const char *path, char **ret, struct err *e)
{
	union inode_room in;
	ext2_ino_t ino;

	if (ext4_find(x, path, false, &ino, e) < 0 || ext4_load(x, ino, &in, e) < 0)
		return -1;
	if (!S_ISLNK(in.large.i_mode))
		return err_set(e, ERR_INVALID, "'%s' in image '%s' is not a symlink", path, x->path);
	return ext4_target(x, ino, &in, ret, e);
}

struct listing {
	struct ext4 *x;
	ext4_list_fn fn;
	void *arg;
	struct err *e;
	unsigned n;
	bool failed;
};

static int list_one(ext2_ino_t dir, int entry, struct ext2_dir_entry *de, int offset, int blocksize, char *buf, void *priv)
{
	struct listing *l = priv;
	char name[EXT4_NAME_MAX + 1];
	size_t n = (size_t)ext2fs_dirent_name_len(de);
	union inode_room in;
	struct ext4_stat st;

	if (entry != DIRENT_OTHER_FILE || de->inode == 0)
		return 0;
	memcpy(name, de->name, n);
	name[n] = 0;
	if (n == 0 || strlen(name) != n || memchr(name, '/', n) || ++l->n > LIST_MAX) {
		err_set(l->e, ERR_CORRUPT, "folder of inode %u in image '%s' is damaged", dir, l->x->path);
		l->failed = true;
		return DIRENT_ABORT;
	}
	if (ext4_load(l->x, de->inode, &in, l->e) < 0) {
		l->failed = true;
		return DIRENT_ABORT;
	}
	fill_stat(l->x, de->inode, &in, &st);
	return l->fn(l->arg, name, &st) ? DIRENT_ABORT : 0;
}

int ext4_list(struct ext4 *x, const char *path, ext4_list_fn fn, void *arg, struct err *e)
{
	struct listing l = { .x = x, .fn = fn, .arg = arg, .e = e };
	union inode_room in;
	ext2_ino_t ino;
	errcode_t r;

	if (ext4_find(x, path, true, &ino, e) < 0 || ext4_load(x, ino, &in, e) < 0)
		return -1;
	if (!S_ISDIR(in.large.i_mode))
		return err_set(e, ERR_INVALID, "'%s' in image '%s' is not a folder", path, x->path);
	r = ext2fs_dir_iterate2(x->fs, ino, 0, NULL, list_one, &l);
	if (l.failed)
		return err_wrap(e, "list '%s'", path);
	if (r)
		return ext4_fail(e, r, "list '%s' in image '%s'", path, x->path);
	return 0;
}
