/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths inside an image. The image is hostile: names, targets and sizes are bounded, loops end at a count. */
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/mem.h"
#include "ext4/tree_internal.h"

struct walk {
	struct ext4 *x;
	const char *whole; /* for messages */
	char *rest;        /* owned: what is still to be walked */
	ext2_ino_t at;
	unsigned links;
};

int ext4_load(struct ext4 *x, ext2_ino_t ino, union inode_room *ret, struct err *e)
{
	if (ino == 0 || ino > x->fs->super->s_inodes_count)
		return err_set(e, ERR_CORRUPT, "image '%s': a folder names inode %u, which cannot be", x->path, ino);
	return ext4_inode_read(x->fs, ino, ret, e);
}

int ext4_target(struct ext4 *x, ext2_ino_t ino, const union inode_room *in, char **ret, struct err *e)
{
	uint64_t size = EXT2_I_SIZE(&in->large);

	if (size == 0 || size >= EXT4_PATH_MAX)
		return err_set(e, ERR_CORRUPT, "image '%s': symlink of inode %u has %llu bytes", x->path, ino, (unsigned long long)size);
	AUTO_MEM char *target = mem_new((size_t)size + 1);
	/* a link that short lives in the inode itself, unless it has been stored as inline data */
	if (size < sizeof(in->large.i_block) && !(in->large.i_flags & (EXT4_INLINE_DATA_FL | EXT4_EXTENTS_FL)) && ext2fs_is_fast_symlink((struct ext2_inode *)(uintptr_t)&in->small))
		memcpy(target, in->large.i_block, (size_t)size);
	else if (ext4_read_at(x, ino, size, 0, target, (size_t)size, e) < 0)
		return -1;
	*ret = TAKE_PTR(target);
	return 0;
}

static int step_link(struct walk *w, ext2_ino_t ino, const union inode_room *in, const char *behind, struct err *e)
{
	AUTO_MEM char *target = NULL;

	if (++w->links > EXT4_LINKS_MAX)
		return err_set(e, ERR_INVALID, "'%s' in image '%s' leads through more than %d symlinks", w->whole, w->x->path, EXT4_LINKS_MAX);
	if (ext4_target(w->x, ino, in, &target, e) < 0)
		return -1;
	if (strlen(target) + strlen(behind) >= EXT4_PATH_MAX)
		return err_set(e, ERR_INVALID, "'%s' in image '%s' becomes too long by its symlinks", w->whole, w->x->path);
	char *rest = mem_printf("%s/%s", target, behind);
	free(w->rest);
	w->rest = rest;
	if (*rest == '/')
		w->at = EXT2_ROOT_INO;
	return 0;
}

static int lookup(struct walk *w, const char *name, size_t n, ext2_ino_t *ret, struct err *e)
{
	errcode_t r = ext2fs_lookup(w->x->fs, w->at, name, (int)n, NULL, ret);

	if (r == EXT2_ET_FILE_NOT_FOUND) {
		*ret = 0;
		return 0;
	}
	if (r)
		return ext4_fail(e, r, "look up '%s' in image '%s'", w->whole, w->x->path);
	return 0;
}

/* Walks one name. *ret_done is set once the last one has been, with *ret filled. */
static int step(struct walk *w, bool follow, struct spot *ret, bool *ret_done, struct err *e)
{
	union inode_room in;
	ext2_ino_t ino;
	const char *name = w->rest + strspn(w->rest, "/");
	size_t n = strcspn(name, "/");
	const char *behind = name + n + strspn(name + n, "/");

	if (n == 0 || (n == 1 && name[0] == '.')) {
		*ret_done = !*behind;
		*ret = (struct spot){ .parent = 0, .ino = w->at };
		memmove(w->rest, behind, strlen(behind) + 1);
		return 0;
	}
	if (n > EXT4_NAME_MAX)
		return err_set(e, ERR_INVALID, "'%s' has a name longer than %d bytes", w->whole, EXT4_NAME_MAX);
	if (lookup(w, name, n, &ino, e) < 0)
		return -1;
	if (!ino && *behind)
		return err_set(e, ERR_NOT_FOUND, "no '%.*s' on the way to '%s' in image '%s'", (int)n, name, w->whole, w->x->path);
	if (ino) {
		if (ext4_load(w->x, ino, &in, e) < 0)
			return -1;
		if (S_ISLNK(in.large.i_mode) && (*behind || follow))
			return step_link(w, ino, &in, behind, e);
		if (*behind && !S_ISDIR(in.large.i_mode))
			return err_set(e, ERR_INVALID, "'%.*s' on the way to '%s' in image '%s' is not a folder", (int)n, name, w->whole, w->x->path);
	}
	*ret = (struct spot){ .parent = w->at, .ino = ino };
	memcpy(ret->name, name, n);
	if (n == 2 && !memcmp(name, "..", 2)) /* cannot be made, replaced or removed */
		ret->parent = 0;
	w->at = ino;
	*ret_done = !*behind;
	memmove(w->rest, behind, strlen(behind) + 1);
	return 0;
}

int ext4_walk(struct ext4 *x, const char *path, bool follow, struct spot *ret, struct err *e)
{
	AUTO_MEM char *rest = NULL;
	struct walk w = { .x = x, .whole = path, .at = EXT2_ROOT_INO };
	struct spot spot = { .ino = EXT2_ROOT_INO };
	bool done = false;
	int r = 0;

	if (strlen(path) >= EXT4_PATH_MAX)
		return err_set(e, ERR_INVALID, "path '%.60s...' is longer than %d bytes", path, EXT4_PATH_MAX - 1);
	w.rest = mem_strdup(path);
	while (!done && r == 0)
		r = step(&w, follow, &spot, &done, e);
	rest = w.rest;
	if (r == 0)
		*ret = spot;
	return r;
}

int ext4_find(struct ext4 *x, const char *path, bool follow, ext2_ino_t *ret, struct err *e)
{
	struct spot at;

	if (ext4_walk(x, path, follow, &at, e) < 0)
		return -1;
	if (!at.ino)
		return err_set(e, ERR_NOT_FOUND, "no '%s' in image '%s'", path, x->path);
	*ret = at.ino;
	return 0;
}
