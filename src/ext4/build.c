/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The builder's door: entries in, one after the other. */
#include "ext4/build.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "ext4/build_internal.h"

#define FILE_BYTES_MAX ((uint64_t)UINT32_MAX * 4096) /* block numbers of a file have 32 bits */

/* Root and lost+found are taken over into memory; their blocks are given up and written anew at the end. */
static MUST int adopt(struct ext4_build *b, ext2_ino_t ino, struct file **ret, struct err *e)
{
	union inode_room in;
	struct file *f = build_alloc(b, sizeof(*f));

	if (ext4_inode_read(b->fs, ino, &in, e) < 0)
		return -1;
	f->ino = ino;
	f->mode = S_IFDIR;
	f->inode = build_alloc(b, sizeof(*f->inode));
	*f->inode = in.large;
	for (unsigned i = 0;; i++) {
		blk64_t block;
		errcode_t r = ext2fs_bmap2(b->fs, ino, &in.small, NULL, 0, i, NULL, &block);
		if (r)
			return build_fail(b, "/", r, e);
		if (!block)
			break;
		b->freed = mem_grow(b->freed, b->n_freed, sizeof(*b->freed));
		b->freed[b->n_freed++] = (struct run){ .at = block, .n = 1 };
	}
	*ret = f;
	return 0;
}

static MUST int adopt_all(struct ext4_build *b, struct err *e)
{
	struct file *f;
	ext2_ino_t ino;
	errcode_t r = ext2fs_lookup(b->fs, EXT2_ROOT_INO, "lost+found", 10, NULL, &ino);

	if (r)
		return ext4_fail(e, r, "image '%s' is not fresh", b->image);
	if (adopt(b, EXT2_ROOT_INO, &f, e) < 0)
		return -1;
	b->root = build_node(b, NULL, "", 0, f);
	if (adopt(b, ino, &f, e) < 0)
		return -1;
	b->lost_found = build_node(b, b->root, "lost+found", 10, f);
	b->next_ino = ino + 1;
	return 0;
}

int ext4_build_new(const char *image, struct ext4_build **ret, struct err *e)
{
	AUTO(ext4_build_free) struct ext4_build *b = NEW(struct ext4_build);

	b->fd = -1;
	b->image = mem_strdup(image);
	if (ext4_fs_open(&(struct ext4_at){ image, NULL }, true, &b->fs, e) < 0)
		return -1;
	b->block_bytes = b->fs->blocksize;
	if (b->block_bytes != 4096 || EXT2_INODE_SIZE(b->fs->super) != BUILD_INODE_BYTES || !ext2fs_has_feature_extents(b->fs->super) ||
	    ext2fs_has_feature_bigalloc(b->fs->super) || ext2fs_has_feature_inline_data(b->fs->super))
		return err_set(e, ERR_INVALID, "image '%s' is not one of ours", image);
	b->fd = open(image, O_RDWR | O_CLOEXEC);
	if (b->fd < 0)
		return err_sys(e, errno, "open image '%s'", image);
	b->join = mem_new(BUILD_JOIN_BYTES);
	build_lend_blocks(b);
	if (adopt_all(b, e) < 0)
		return -1;
	*ret = TAKE_PTR(b);
	return 0;
}

void ext4_build_free(struct ext4_build *b)
{
	if (!b)
		return;
	if (b->fs)
		ext2fs_free(b->fs);
	if (b->fd >= 0)
		close(b->fd);
	for (void *chunk = b->arena.chunks, *before; chunk; chunk = before) {
		memcpy(&before, chunk, sizeof(before));
		free(chunk);
	}
	for (size_t i = 0; i < b->n_late; i++) {
		free(b->late[i].path);
		free(b->late[i].target);
	}
	free(b->late);
	free(b->freed);
	free(b->open_runs.v);
	free(b->table);
	free(b->join);
	free(b->image);
	free(b);
}

static MUST int end_file(struct ext4_build *b, struct err *e)
{
	struct file *f = b->open;

	if (!f)
		return 0;
	b->open = NULL;
	if (build_write_inode(b, b->open_name, f->ino, &b->open_inode, S_ISREG(f->mode) ? &b->open_runs : NULL, e) < 0)
		return -1;
	return build_write_xattrs(b, b->open_name, f->ino, b->open_xattrs, e);
}

static MUST int add_dir(struct ext4_build *b, struct node *dir, const char *name, size_t n, const struct ext4_entry *in, struct err *e)
{
	struct node *x = name ? build_find(b, dir, name, n) : dir;

	if (x && !S_ISDIR(x->file->mode)) {
		if (build_drop(b, x, e) < 0)
			return -1;
		x = NULL;
	}
	if (!x && build_new_dir(b, dir, name, n, &x, e) < 0)
		return err_wrap(e, "'%.200s'", in->path);
	struct ext2_inode_large *inode = x->file->inode;
	inode->i_crtime = 0;
	ext4_inode_fill(inode, &in->meta, BUILD_INODE_BYTES);
	return build_copy_xattrs(b, in, &x->file->xattrs, e);
}

static MUST int set_target(struct ext4_build *b, const struct ext4_entry *in, struct err *e)
{
	struct ext2_inode_large *inode = &b->open_inode;
	size_t n = in->target ? strlen(in->target) : 0;

	if (n == 0 || n >= b->block_bytes)
		return err_set(e, ERR_INVALID, "symlink '%.200s' cannot have a target of %zu bytes", in->path, n);
	inode->i_mode = LINUX_S_IFLNK | 0777;
	ext2fs_inode_size_set(b->fs, (struct ext2_inode *)inode, (ext2_off64_t)n);
	b->open->target = build_text(b, in->target, n);
	if (n < sizeof(inode->i_block)) {
		memcpy(inode->i_block, in->target, n);
		return 0;
	}
	struct runs runs = { 0 };
	int r = build_alloc_blocks(b, in->path, 0, 1, &runs, e);
	if (r == 0)
		r = build_put(b, runs.v[0].at * b->block_bytes, in->target, n, e);
	if (r == 0)
		r = build_write_inode(b, in->path, b->open->ino, inode, &runs, e);
	free(runs.v);
	return r;
}

static MUST int set_size(struct ext4_build *b, const struct ext4_entry *in, struct err *e)
{
	if (in->size > FILE_BYTES_MAX)
		return err_set(e, ERR_INVALID, "'%.200s' has %llu bytes, more than a file can have", in->path, (unsigned long long)in->size);
	b->open_size = in->size;
	b->open_pos = 0;
	b->open_runs.n = 0;
	b->open_run = 0;
	ext2fs_inode_size_set(b->fs, (struct ext2_inode *)&b->open_inode, (ext2_off64_t)in->size);
	return 0;
}

static bool known_type(uint32_t mode)
{
	return S_ISREG(mode) || S_ISLNK(mode) || S_ISCHR(mode) || S_ISBLK(mode) || S_ISFIFO(mode) || S_ISSOCK(mode);
}

int ext4_build_add(struct ext4_build *b, const struct ext4_entry *in, struct err *e)
{
	struct node *dir, *old;
	const char *name;
	size_t n;

	if (end_file(b, e) < 0 || build_walk(b, in->path, true, &dir, &name, &n, e) < 0)
		return -1;
	if (S_ISDIR(in->meta.mode))
		return add_dir(b, dir, name, n, in, e);
	if (!name)
		return err_set(e, ERR_INVALID, "'%.200s' is the root and cannot be anything but a folder", in->path);
	if (!known_type(in->meta.mode))
		return err_set(e, ERR_INVALID, "'%.200s' is of no known type (mode %o)", in->path, in->meta.mode);
	old = build_find(b, dir, name, n);
	if (old && build_drop(b, old, e) < 0)
		return -1;
	struct file *f = build_alloc(b, sizeof(*f));
	if (build_new_ino(b, in->path, false, &f->ino, e) < 0)
		return -1;
	f->mode = (uint16_t)(in->meta.mode & S_IFMT);
	f->links = 1;
	struct node *x = build_node(b, dir, name, n, f);
	b->open = f;
	b->open_name = x->name;
	b->open_inode = (struct ext2_inode_large){ 0 };
	ext4_inode_fill(&b->open_inode, &in->meta, BUILD_INODE_BYTES);
	b->open_inode.i_links_count = 1;
	if (build_copy_xattrs(b, in, &b->open_xattrs, e) < 0)
		return -1;
	if (S_ISLNK(in->meta.mode))
		return set_target(b, in, e);
	return S_ISREG(in->meta.mode) ? set_size(b, in, e) : 0;
}

/* One piece that lies in one run, blocks and all. Offsets ascend, so the run is never before the one of the last piece. */
static MUST int put_piece(struct ext4_build *b, uint64_t offset, const uint8_t *data, size_t n, size_t *ret_took, struct err *e)
{
	struct runs *runs = &b->open_runs;
	uint32_t logical = (uint32_t)(offset / b->block_bytes), end = (uint32_t)((offset + n + b->block_bytes - 1) / b->block_bytes);
	uint32_t had = runs->n ? runs->v[runs->n - 1].logical + runs->v[runs->n - 1].n : 0; /* blocks before this one are there or are holes */
	uint32_t from = logical < had ? had : logical;

	if (end > from && build_alloc_blocks(b, b->open_name, from, end - from, runs, e) < 0)
		return -1;
	while (logical >= runs->v[b->open_run].logical + runs->v[b->open_run].n)
		b->open_run++;
	const struct run *run = &runs->v[b->open_run];
	uint64_t begin = (uint64_t)run->logical * b->block_bytes, room = begin + (uint64_t)run->n * b->block_bytes - offset;
	*ret_took = n < room ? n : (size_t)room;
	return build_put(b, run->at * b->block_bytes + (offset - begin), data, *ret_took, e);
}

int ext4_build_data(struct ext4_build *b, uint64_t offset, const void *data, size_t n, struct err *e)
{
	const uint8_t *from = data;
	size_t took;

	if (!b->open || !S_ISREG(b->open->mode))
		return err_set(e, ERR_INVALID, "content for something that is not a file");
	if (offset < b->open_pos || offset > b->open_size || n > b->open_size - offset)
		return err_set(e, ERR_CORRUPT, "'%s' has content outside of its size or twice in one place", b->open_name);
	b->open_pos = offset + n;
	while (n) {
		if (put_piece(b, offset, from, n, &took, e) < 0)
			return -1;
		offset += took;
		from += took;
		n -= took;
	}
	return 0;
}

/* *ret_done stays false while the target is not there yet. */
static MUST int try_link(struct ext4_build *b, const char *path, const char *target, bool *ret_done, struct err *e)
{
	struct node *dir, *target_dir, *old, *to;
	const char *name, *target_name;
	size_t n, target_n;

	if (build_walk(b, path, true, &dir, &name, &n, e) < 0 || build_walk(b, target, false, &target_dir, &target_name, &target_n, e) < 0)
		return -1;
	to = target_dir && target_name ? build_find(b, target_dir, target_name, target_n) : NULL;
	*ret_done = to != NULL;
	if (!to && target_name)
		return 0;
	if (!name || !to || S_ISDIR(to->file->mode))
		return err_set(e, ERR_INVALID, "hard link '%.150s' to '%.150s', which is a folder", path, target);
	old = build_find(b, dir, name, n);
	if (old && old->file == to->file)
		return 0;
	if (to->file->links >= BUILD_FILE_LINKS_MAX)
		return err_set(e, ERR_INVALID, "'%.200s' has more than %d hard links", target, BUILD_FILE_LINKS_MAX);
	struct file *f = to->file;
	f->links++; /* first: its other name may be below what is replaced here */
	if (old && build_drop(b, old, e) < 0)
		return -1;
	if (build_store_links(b, f, e) < 0)
		return -1;
	build_node(b, dir, name, n, f);
	return 0;
}

int ext4_build_link(struct ext4_build *b, const char *path, const char *target, struct err *e)
{
	bool done;

	if (end_file(b, e) < 0 || try_link(b, path, target, &done, e) < 0)
		return -1;
	if (done)
		return 0;
	b->late = mem_grow(b->late, b->n_late, sizeof(*b->late));
	b->late[b->n_late++] = (struct late_link){ mem_strdup(path), mem_strdup(target) };
	return 0;
}

int ext4_build_remove(struct ext4_build *b, const char *path, struct err *e)
{
	struct node *dir, *x;
	const char *name;
	size_t n;

	if (end_file(b, e) < 0 || build_walk(b, path, false, &dir, &name, &n, e) < 0)
		return -1;
	if (!name)
		return err_set(e, ERR_INVALID, "the root cannot be removed");
	x = dir ? build_find(b, dir, name, n) : NULL;
	return x ? build_drop(b, x, e) : 0;
}

bool ext4_build_has(struct ext4_build *b, const char *path)
{
	struct err ignored = { 0 }; /* a name that cannot be is not there */
	struct node *dir;
	const char *name;
	size_t n;

	if (build_walk(b, path, false, &dir, &name, &n, &ignored) < 0)
		return false;
	return dir && (!name || build_find(b, dir, name, n));
}

/* Links to what came later; a chain of them needs a pass for each of its parts. */
static MUST int late_links(struct ext4_build *b, struct err *e)
{
	for (bool progress = true; progress && b->n_late;) {
		size_t kept = 0;
		progress = false;
		for (size_t i = 0; i < b->n_late; i++) {
			bool done;
			if (try_link(b, b->late[i].path, b->late[i].target, &done, e) < 0)
				return -1;
			struct late_link l = b->late[i];
			if (done) {
				free(l.path);
				free(l.target);
				b->late[i] = (struct late_link){ 0 };
				progress = true;
			} else {
				b->late[i] = (struct late_link){ 0 };
				b->late[kept++] = l;
			}
		}
		b->n_late = kept;
	}
	if (b->n_late)
		return err_set(e, ERR_INVALID, "hard link '%.150s' is to '%.150s', which is not there", b->late[0].path, b->late[0].target);
	return 0;
}

static MUST int finish(struct ext4_build *b, bool sync, struct err *e)
{
	errcode_t r;

	if (end_file(b, e) < 0 || late_links(b, e) < 0)
		return -1;
	if (!b->lost_found && build_new_dir(b, b->root, "lost+found", 10, &b->lost_found, e) < 0)
		return -1;
	if (build_write_dirs(b, e) < 0 || build_flush(b, e) < 0)
		return -1;
	build_return_space(b);
	r = ext2fs_close2(b->fs, EXT2_FLAG_FLUSH_NO_SYNC);
	if (r)
		return build_fail(b, "the tables", r, e);
	b->fs = NULL;
	if (sync && fdatasync(b->fd) < 0)
		return err_sys(e, errno, "sync image '%s'", b->image);
	return 0;
}

int ext4_build_finish(struct ext4_build *b, bool sync, struct err *e)
{
	int r = finish(b, sync, e);

	ext4_build_free(b);
	return r;
}
