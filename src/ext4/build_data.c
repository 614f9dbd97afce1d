/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Space and content. Blocks are given out upwards from one stretch after the other, so files lie one behind the other and their writes
 * join; libext2fs writes inodes, attributes and extent trees through its own cache. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "ext4/build_internal.h"

#define DIRECT_BYTES ((size_t)256 << 10) /* pieces of that size are not worth a copy */
#define STRETCH_BLOCKS 32768
#define RUN_BLOCKS_MAX 32768 /* EXT_INIT_MAX_LEN */
#define RUNS_IN_INODE 4

int build_fail(struct ext4_build *b, const char *name, errcode_t code, struct err *e)
{
	ext4_fail(e, code, "write '%.200s' into image '%s'", name, b->image);
	if (e->code != ERR_NO_SPACE)
		return -1;
	if (code == EXT2_ET_INODE_ALLOC_FAIL)
		return err_hint(e, "the image has only %u inodes: choose a larger size", b->fs->super->s_inodes_count);
	return err_hint(e, "choose a larger size for the image");
}

int build_new_ino(struct ext4_build *b, const char *name, bool dir, ext2_ino_t *ret, struct err *e)
{
	ext2_ino_t i = b->next_ino;

	while (i <= b->fs->super->s_inodes_count && ext2fs_test_inode_bitmap2(b->fs->inode_map, i))
		i++;
	if (i > b->fs->super->s_inodes_count)
		return build_fail(b, name, EXT2_ET_INODE_ALLOC_FAIL, e);
	b->next_ino = i + 1;
	ext2fs_inode_alloc_stats2(b->fs, i, +1, dir);
	*ret = i;
	return 0;
}

void build_return_space(struct ext4_build *b)
{
	if (b->stretch_n)
		ext2fs_block_alloc_stats_range(b->fs, b->stretch, b->stretch_n, -1);
	b->stretch_n = 0;
	for (size_t i = 0; i < b->n_freed; i++)
		ext2fs_block_alloc_stats_range(b->fs, b->freed[i].at, b->freed[i].n, -1);
	b->n_freed = 0;
}

static errcode_t new_stretch(struct ext4_build *b)
{
	blk64_t at, n;
	errcode_t r = ext2fs_new_range(b->fs, 0, b->goal, STRETCH_BLOCKS, NULL, &at, &n);

	if (r)
		return r;
	ext2fs_block_alloc_stats_range(b->fs, at, n, +1);
	b->stretch = at;
	b->stretch_n = n;
	b->goal = at + n;
	return 0;
}

/* libext2fs asks here for the blocks of attributes and extent trees, and then counts them itself. */
static errcode_t lend_block(ext2_filsys fs, blk64_t goal, blk64_t *ret)
{
	struct ext4_build *b = fs->priv_data;
	errcode_t r = b->stretch_n ? 0 : new_stretch(b);

	if (r)
		return r;
	*ret = b->stretch++;
	b->stretch_n--;
	ext2fs_block_alloc_stats2(fs, *ret, -1);
	return 0;
}

void build_lend_blocks(struct ext4_build *b)
{
	b->fs->priv_data = b;
	ext2fs_set_alloc_block_callback(b->fs, lend_block, NULL);
}

int build_alloc_blocks(struct ext4_build *b, const char *name, uint32_t logical, uint32_t n, struct runs *runs, struct err *e)
{
	while (n) {
		errcode_t r = b->stretch_n ? 0 : new_stretch(b);
		if (r)
			return build_fail(b, name, r, e);
		uint32_t take = n < b->stretch_n ? n : (uint32_t)b->stretch_n;
		struct run *last = runs->n ? &runs->v[runs->n - 1] : NULL;
		if (last && last->at + last->n == b->stretch && last->logical + last->n == logical && last->n < RUN_BLOCKS_MAX) {
			take = take < RUN_BLOCKS_MAX - last->n ? take : RUN_BLOCKS_MAX - last->n;
			last->n += take;
		} else {
			take = take < RUN_BLOCKS_MAX ? take : RUN_BLOCKS_MAX;
			runs->v = mem_grow(runs->v, runs->n, sizeof(*runs->v));
			runs->v[runs->n++] = (struct run){ b->stretch, logical, take };
		}
		b->stretch += take;
		b->stretch_n -= take;
		logical += take;
		n -= take;
	}
	return 0;
}

int build_store_links(struct ext4_build *b, const struct file *f, struct err *e)
{
	union inode_room in;

	if (ext4_inode_read(b->fs, f->ino, &in, e) < 0)
		return -1;
	in.large.i_links_count = (uint16_t)f->links;
	return ext4_inode_write(b->fs, f->ino, &in, e);
}

static int remember_freed(ext2_filsys fs, blk64_t *block, e2_blkcnt_t logical, blk64_t ref, int ref_offset, void *priv)
{
	struct ext4_build *b = priv;
	struct run *last = b->n_freed ? &b->freed[b->n_freed - 1] : NULL;

	if (last && last->at + last->n == *block) {
		last->n++;
		return 0;
	}
	b->freed = mem_grow(b->freed, b->n_freed, sizeof(*b->freed));
	b->freed[b->n_freed++] = (struct run){ .at = *block, .n = 1 };
	return 0;
}

int build_free_inode(struct ext4_build *b, const struct file *f, struct err *e)
{
	union inode_room in = { 0 };
	bool dir = S_ISDIR(f->mode);
	errcode_t r = 0;

	if (!dir) { /* folders have nothing on disk yet */
		if (ext4_inode_read(b->fs, f->ino, &in, e) < 0)
			return -1;
		if (ext2fs_inode_has_valid_blocks2(b->fs, &in.small))
			r = ext2fs_block_iterate3(b->fs, f->ino, BLOCK_FLAG_READ_ONLY, NULL, remember_freed, b);
		blk64_t acl = ext2fs_file_acl_block(b->fs, &in.small);
		if (!r && acl)
			remember_freed(b->fs, &acl, 0, 0, 0, b);
		memset(&in, 0, sizeof(in));
		if (!r)
			r = ext2fs_write_inode_full(b->fs, f->ino, &in.small, (int)sizeof(in.large));
	}
	if (r)
		return build_fail(b, b->image, r, e);
	ext2fs_inode_alloc_stats2(b->fs, f->ino, -1, dir);
	if (f->ino < b->next_ino)
		b->next_ino = f->ino;
	return 0;
}

static MUST int write_out(struct ext4_build *b, const void *p, size_t n, uint64_t at, struct err *e)
{
	if (proc_cancelled())
		return err_set(e, ERR_CANCELLED, "cancelled");
	return fd_pwrite_all(b->fd, p, n, (off_t)at, e) < 0 ? err_wrap(e, "write image '%s'", b->image) : 0;
}

int build_flush(struct ext4_build *b, struct err *e)
{
	size_t n = b->join_n;

	b->join_n = 0;
	return n ? write_out(b, b->join, n, b->join_at, e) : 0;
}

int build_put(struct ext4_build *b, uint64_t at, const void *p, size_t n, struct err *e)
{
	const uint8_t *from = p;

	while (n) {
		uint64_t end = b->join_at + b->join_n;
		if (b->join_n && end != at) {
			/* the rest of a file's last block: zeros join better than another write */
			if (at > end && at - end < b->block_bytes && at - end < BUILD_JOIN_BYTES - b->join_n) {
				memset(b->join + b->join_n, 0, (size_t)(at - end));
				b->join_n += (size_t)(at - end);
			} else if (build_flush(b, e) < 0) {
				return -1;
			}
		}
		if (n >= DIRECT_BYTES)
			return build_flush(b, e) < 0 ? -1 : write_out(b, from, n, at, e);
		if (b->join_n == 0)
			b->join_at = at;
		size_t piece = BUILD_JOIN_BYTES - b->join_n < n ? BUILD_JOIN_BYTES - b->join_n : n;
		memcpy(b->join + b->join_n, from, piece);
		b->join_n += piece;
		from += piece;
		at += piece;
		n -= piece;
		if (b->join_n == BUILD_JOIN_BYTES && build_flush(b, e) < 0)
			return -1;
	}
	return 0;
}

/* The tree of a file in more than four pieces, through libext2fs, which writes the inode as it goes. */
static errcode_t insert_runs(struct ext4_build *b, ext2_ino_t ino, struct ext2_inode_large *in, const struct runs *runs)
{
	struct ext2_inode *small = (struct ext2_inode *)in;
	ext2_extent_handle_t tree;
	errcode_t r = ext2fs_write_inode_full(b->fs, ino, small, (int)sizeof(*in));

	if (!r)
		r = ext2fs_extent_open2(b->fs, ino, small, &tree);
	if (r)
		return r;
	for (size_t i = 0; !r && i < runs->n; i++) {
		struct ext2fs_extent x = { .e_pblk = runs->v[i].at, .e_lblk = runs->v[i].logical, .e_len = runs->v[i].n };
		r = ext2fs_extent_insert(tree, i ? EXT2_EXTENT_INSERT_AFTER : 0, &x);
	}
	if (!r)
		r = ext2fs_extent_fix_parents(tree);
	ext2fs_extent_free(tree);
	return r ? r : ext2fs_read_inode_full(b->fs, ino, small, (int)sizeof(*in));
}

int build_write_inode(struct ext4_build *b, const char *name, ext2_ino_t ino, struct ext2_inode_large *in, const struct runs *runs, struct err *e)
{
	struct ext2_inode *small = (struct ext2_inode *)in;
	uint64_t blocks = 0;
	errcode_t r = 0;

	if (runs) {
		struct ext3_extent_header head = { .eh_magic = EXT3_EXT_MAGIC, .eh_max = RUNS_IN_INODE };
		bool small_tree = runs->n <= RUNS_IN_INODE;
		in->i_flags |= EXT4_EXTENTS_FL;
		memset(in->i_block, 0, sizeof(in->i_block));
		for (size_t i = 0; i < runs->n; i++) {
			struct ext3_extent x = { .ee_block = runs->v[i].logical, .ee_len = (uint16_t)runs->v[i].n, .ee_start = (uint32_t)runs->v[i].at,
						 .ee_start_hi = (uint16_t)(runs->v[i].at >> 32) };
			if (small_tree)
				memcpy((uint8_t *)in->i_block + sizeof(head) + i * sizeof(x), &x, sizeof(x));
			blocks += runs->v[i].n;
		}
		head.eh_entries = small_tree ? (uint16_t)runs->n : 0;
		memcpy(in->i_block, &head, sizeof(head));
		ext2fs_iblk_set(b->fs, small, blocks);
		if (!small_tree)
			r = insert_runs(b, ino, in, runs);
	}
	if (!r)
		r = ext2fs_write_inode_full(b->fs, ino, small, (int)sizeof(*in));
	return r ? build_fail(b, name, r, e) : 0;
}

int build_write_xattrs(struct ext4_build *b, const char *name, ext2_ino_t ino, const struct ext4_xattr_copy *list, struct err *e)
{
	unsigned raw = XATTR_HANDLE_FLAG_RAW; /* ACLs are in their stored form already */
	struct ext2_xattr_handle *h;
	errcode_t r, closed;

	if (!list)
		return 0;
	r = ext2fs_xattrs_open(b->fs, ino, &h);
	if (r)
		return build_fail(b, name, r, e);
	r = ext2fs_xattrs_flags(h, &raw, NULL);
	if (!r)
		r = ext2fs_xattrs_read(h);
	for (; !r && list; list = list->next) {
		r = ext2fs_xattr_set(h, list->name, list->value, list->n);
		if (r) {
			build_fail(b, name, r, e);
			err_wrap(e, "attribute '%.60s'", list->name);
		}
	}
	closed = ext2fs_xattrs_close(&h);
	if (e->code)
		return -1;
	return r || closed ? build_fail(b, name, r ? r : closed, e) : 0;
}
