/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What changes a tree. libext2fs keeps checksums, indexes and bitmaps right; what it leaves to its callers is link counts, the mtime of
 * folders and the freeing of what has lost its last name. */
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/auto.h"
#include "base/mem.h"
#include "ext4/tree_internal.h"

#define LINKS_MAX 65000    /* EXT4_LINK_MAX of Linux */
#define FILE_PIECE (1u << 24)

static int may_edit(struct ext4 *x, struct err *e)
{
	return x->writable ? 0 : err_set(e, ERR_STATE, "image '%s' is open for reading only", x->path);
}

static int no_room(struct ext4 *x, const char *path, errcode_t r, struct err *e)
{
	ext4_fail(e, r, "write '%s' into image '%s'", path, x->path);
	if (e->code == ERR_NO_SPACE)
		err_hint(e, "the image is full: make it larger");
	return -1;
}

/* Counts a folder's subfolders up or down; 1 stands for more than fit (dir_nlink). */
static int add_links(struct ext4 *x, ext2_ino_t dir, int by, struct err *e)
{
	union inode_room in;

	if (ext4_load(x, dir, &in, e) < 0)
		return -1;
	ext4_inode_touch(&in, EXT2_INODE_SIZE(x->fs->super));
	if (in.large.i_links_count > 1 || by == 0) {
		long links = in.large.i_links_count + (long)by;
		in.large.i_links_count = (uint16_t)(links >= LINKS_MAX ? 1 : links);
	}
	return ext4_inode_write(x->fs, dir, &in, e);
}

/* Enters ino under at->name, growing the folder as needed. */
static int link_name(struct ext4 *x, const char *path, const struct spot *at, ext2_ino_t ino, uint32_t mode, struct err *e)
{
	int type = ext4_dirent_type(mode);
	errcode_t r = ext2fs_link(x->fs, at->parent, at->name, ino, type);

	if (r == EXT2_ET_DIR_NO_SPACE) {
		r = ext2fs_expand_dir(x->fs, at->parent);
		if (!r)
			r = ext2fs_link(x->fs, at->parent, at->name, ino, type);
	}
	if (r)
		return no_room(x, path, r, e);
	return add_links(x, at->parent, S_ISDIR(mode) ? 1 : 0, e);
}

static int free_inode(struct ext4 *x, ext2_ino_t ino, union inode_room *in, struct err *e)
{
	errcode_t r = 0;

	if (ext2fs_file_acl_block(x->fs, &in->small))
		r = ext2fs_free_ext_attr(x->fs, ino, &in->large);
	if (!r && ext2fs_inode_has_valid_blocks2(x->fs, &in->small))
		r = ext2fs_punch(x->fs, ino, &in->small, NULL, 0, ~0ULL);
	if (r)
		return ext4_fail(e, r, "free inode %u of image '%s'", ino, x->path);
	bool dir = S_ISDIR(in->large.i_mode);
	in->large.i_links_count = 0;
	in->large.i_dtime = (uint32_t)time(NULL);
	if (ext4_inode_write(x->fs, ino, in, e) < 0)
		return -1;
	ext2fs_inode_alloc_stats2(x->fs, ino, -1, dir);
	return 0;
}

struct doomed {
	struct spot *v;
	size_t n;
	ext2_ino_t dir;
	bool bad;
};

static int collect(ext2_ino_t dir, int entry, struct ext2_dir_entry *de, int offset, int blocksize, char *buf, void *priv)
{
	struct doomed *d = priv;
	size_t n = (size_t)ext2fs_dirent_name_len(de);

	if (entry != DIRENT_OTHER_FILE || de->inode == 0)
		return 0;
	d->v = mem_grow(d->v, d->n, sizeof(*d->v));
	d->v[d->n] = (struct spot){ .parent = d->dir, .ino = de->inode };
	memcpy(d->v[d->n].name, de->name, n);
	d->n++;
	return 0;
}

/* Empties a folder. Its depth is bounded by that of a path, so an image whose folders form a ring ends here. */
static int drop_depth(struct ext4 *x, const struct spot *at, unsigned depth, struct err *e);
static int drop_content(struct ext4 *x, ext2_ino_t dir, unsigned depth, struct err *e)
{
	struct doomed d = { .dir = dir };
	errcode_t r = ext2fs_dir_iterate2(x->fs, dir, 0, NULL, collect, &d);
	AUTO_MEM struct spot *owner = d.v;
	int result = 0;

	if (r)
		return ext4_fail(e, r, "read folder of inode %u in image '%s'", dir, x->path);
	for (size_t i = 0; i < d.n && result == 0; i++)
		result = drop_depth(x, &owner[i], depth, e);
	return result;
}

static int drop_depth(struct ext4 *x, const struct spot *at, unsigned depth, struct err *e)
{
	union inode_room in;
	errcode_t r;

	if (depth > EXT4_PATH_MAX / 2)
		return err_set(e, ERR_CORRUPT, "image '%s' has folders within folders without end", x->path);
	if (ext4_load(x, at->ino, &in, e) < 0)
		return -1;
	bool dir = S_ISDIR(in.large.i_mode);
	if (dir && (at->ino < EXT2_FIRST_INODE(x->fs->super) || drop_content(x, at->ino, depth + 1, e) < 0))
		return e->code ? -1 : err_set(e, ERR_CORRUPT, "image '%s' has a name for a reserved inode", x->path);
	if (dir && ext4_load(x, at->ino, &in, e) < 0)
		return -1;
	r = ext2fs_unlink(x->fs, at->parent, at->name, at->ino, 0);
	if (r)
		return ext4_fail(e, r, "remove '%s' from image '%s'", at->name, x->path);
	if (add_links(x, at->parent, dir ? -1 : 0, e) < 0)
		return -1;
	if (dir || in.large.i_links_count <= 1)
		return free_inode(x, at->ino, &in, e);
	in.large.i_links_count--;
	return ext4_inode_write(x->fs, at->ino, &in, e);
}

int ext4_drop(struct ext4 *x, const struct spot *at, struct err *e)
{
	return drop_depth(x, at, 0, e);
}

/* Finds where a new file or symlink goes, and takes away what is in its place. */
static int clear_place(struct ext4 *x, const char *path, struct spot *ret, struct err *e)
{
	union inode_room in;
	struct spot at;

	if (may_edit(x, e) < 0 || ext4_walk(x, path, false, &at, e) < 0)
		return -1;
	if (at.ino && ext4_load(x, at.ino, &in, e) < 0)
		return -1;
	if (!at.parent || (at.ino && S_ISDIR(in.large.i_mode)))
		return err_set(e, ERR_EXISTS, "'%s' in image '%s' is a folder", path, x->path);
	if (at.ino && ext4_drop(x, &at, e) < 0)
		return -1;
	at.ino = 0;
	*ret = at;
	return 0;
}

static int new_inode(struct ext4 *x, const char *path, ext2_ino_t dir, const struct ext4_meta *meta, union inode_room *in, ext2_ino_t *ret,
		     struct err *e)
{
	errcode_t r = ext2fs_new_inode(x->fs, dir, (int)meta->mode, NULL, ret);

	if (r)
		return no_room(x, path, r, e);
	ext4_inode_fill(&in->large, meta, EXT2_INODE_SIZE(x->fs->super));
	in->large.i_links_count = 1;
	return 0;
}

static int write_content(struct ext4 *x, const char *path, ext2_ino_t ino, const void *data, size_t n, struct err *e)
{
	ext2_file_t file;
	unsigned wrote;
	errcode_t r = ext2fs_file_open(x->fs, ino, EXT2_FILE_WRITE, &file), closed;

	if (r)
		return no_room(x, path, r, e);
	for (size_t done = 0; !r && done < n; done += wrote) {
		unsigned piece = n - done < FILE_PIECE ? (unsigned)(n - done) : FILE_PIECE;
		r = ext2fs_file_write(file, (const char *)data + done, piece, &wrote);
	}
	closed = ext2fs_file_close(file);
	if (r || closed)
		return no_room(x, path, r ? r : closed, e);
	return 0;
}

int ext4_put_file(struct ext4 *x, const char *path, const void *data, size_t n, const struct ext4_meta *meta, struct err *e)
{
	struct ext4_meta regular = *meta;
	union inode_room in = { 0 };
	ext2_extent_handle_t tree;
	struct spot at;
	ext2_ino_t ino;
	errcode_t r = 0;

	regular.mode = S_IFREG | (meta->mode & 07777);
	if (clear_place(x, path, &at, e) < 0 || new_inode(x, path, at.parent, &regular, &in, &ino, e) < 0)
		return -1;
	if (ext2fs_has_feature_extents(x->fs->super)) {
		r = ext2fs_extent_open2(x->fs, ino, &in.small, &tree); /* makes an empty root in the inode */
		if (!r)
			ext2fs_extent_free(tree);
		in.large.i_flags |= EXT4_EXTENTS_FL;
	}
	if (r)
		return no_room(x, path, r, e);
	if (ext4_inode_write(x->fs, ino, &in, e) < 0)
		return -1;
	ext2fs_inode_alloc_stats2(x->fs, ino, +1, 0);
	if (n && write_content(x, path, ino, data, n, e) < 0)
		return -1;
	return link_name(x, path, &at, ino, regular.mode, e);
}

int ext4_symlink(struct ext4 *x, const char *path, const char *target, const struct ext4_meta *meta, struct err *e)
{
	union inode_room in;
	struct ext4_meta link = *meta;
	struct spot at;
	ext2_ino_t ino;
	errcode_t r;

	if (!*target || strlen(target) >= x->fs->blocksize)
		return err_set(e, ERR_INVALID, "symlink '%s' cannot have a target of %zu bytes", path, strlen(target));
	if (clear_place(x, path, &at, e) < 0)
		return -1;
	r = ext2fs_new_inode(x->fs, at.parent, LINUX_S_IFLNK | 0777, NULL, &ino);
	if (!r)
		r = ext2fs_symlink(x->fs, at.parent, ino, at.name, target);
	if (r == EXT2_ET_DIR_NO_SPACE) {
		r = ext2fs_expand_dir(x->fs, at.parent);
		if (!r)
			r = ext2fs_symlink(x->fs, at.parent, ino, at.name, target);
	}
	if (r)
		return no_room(x, path, r, e);
	if (ext4_load(x, ino, &in, e) < 0)
		return -1;
	link.mode = S_IFLNK | 0777;
	ext4_inode_fill(&in.large, &link, EXT2_INODE_SIZE(x->fs->super));
	return ext4_inode_write(x->fs, ino, &in, e);
}

int ext4_mkdir(struct ext4 *x, const char *path, const struct ext4_meta *meta, struct err *e)
{
	struct ext4_meta dir = *meta;
	union inode_room in;
	struct spot at;
	ext2_ino_t ino;
	errcode_t r;

	if (may_edit(x, e) < 0 || ext4_walk(x, path, true, &at, e) < 0)
		return -1;
	if (at.ino && ext4_load(x, at.ino, &in, e) < 0)
		return -1;
	if (at.ino)
		return S_ISDIR(in.large.i_mode) ? 0 : err_set(e, ERR_EXISTS, "'%s' in image '%s' is not a folder", path, x->path);
	r = ext2fs_new_inode(x->fs, at.parent, LINUX_S_IFDIR | 0755, NULL, &ino);
	if (!r)
		r = ext2fs_mkdir(x->fs, at.parent, ino, at.name);
	if (r == EXT2_ET_DIR_NO_SPACE) {
		r = ext2fs_expand_dir(x->fs, at.parent);
		if (!r)
			r = ext2fs_mkdir(x->fs, at.parent, ino, at.name);
	}
	if (r)
		return no_room(x, path, r, e);
	if (ext4_load(x, ino, &in, e) < 0)
		return -1;
	dir.mode = S_IFDIR | (meta->mode & 07777);
	ext4_inode_fill(&in.large, &dir, EXT2_INODE_SIZE(x->fs->super));
	return ext4_inode_write(x->fs, ino, &in, e);
}

int ext4_make_dirs(struct ext4 *x, const char *path, const struct ext4_meta *meta, struct err *e)
{
	AUTO_MEM char *part = mem_strdup(path);

	for (size_t i = 1, n = strlen(part); i <= n; i++) {
		if (part[i] != '/' && part[i] != 0)
			continue;
		char kept = part[i];
		part[i] = 0;
		if (ext4_mkdir(x, part, meta, e) < 0)
			return -1;
		part[i] = kept;
	}
	return 0;
}

int ext4_set_meta(struct ext4 *x, const char *path, const struct ext4_meta *meta, struct err *e)
{
	struct ext4_meta kept = *meta;
	union inode_room in;
	ext2_ino_t ino;

	if (may_edit(x, e) < 0 || ext4_find(x, path, false, &ino, e) < 0 || ext4_load(x, ino, &in, e) < 0)
		return -1;
	kept.mode = (in.large.i_mode & S_IFMT) | (meta->mode & 07777);
	if (S_ISCHR(kept.mode) || S_ISBLK(kept.mode)) { /* its numbers stay, too */
		struct ext4_meta old;
		ext4_inode_get(&in, EXT2_INODE_SIZE(x->fs->super), &old);
		kept.major = old.major;
		kept.minor = old.minor;
	}
	ext4_inode_fill(&in.large, &kept, EXT2_INODE_SIZE(x->fs->super));
	return ext4_inode_write(x->fs, ino, &in, e);
}

int ext4_remove(struct ext4 *x, const char *path, struct err *e)
{
	struct spot at;

	if (may_edit(x, e) < 0)
		return -1;
	if (ext4_walk(x, path, false, &at, e) < 0) {
		if (e->code != ERR_NOT_FOUND)
			return -1;
		err_clear(e);
		return 0;
	}
	if (!at.ino)
		return 0;
	if (!at.parent)
		return err_set(e, ERR_INVALID, "'%s' in image '%s' cannot be removed", path, x->path);
	return ext4_drop(x, &at, e);
}
