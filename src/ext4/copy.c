/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The source is hostile: depth, names and the number of files are bounded, and a folder that is its own ancestor ends by depth. */
#include "ext4/copy.h"

#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "ext4/tree_internal.h"

#define PIECE_BYTES ((size_t)1 << 20)
#define DEPTH_MAX 1024
#define FILES_MAX 20000000 /* more than an image that could be read in reasonable time holds */
#define XATTRS_MAX 256

/* First name of a file that has several. */
struct seen {
	ext2_ino_t ino;
	char *path;
};

struct child {
	ext2_ino_t ino;
	char *name;
};

struct copy {
	struct ext4 *from;
	struct ext4_build *b; /* NULL: only measure */
	struct seen *seen;    /* open addressing, seen_n a power of two */
	size_t seen_n, n_seen;
	struct str path; /* in the target */
	uint8_t *piece;
	uint64_t bytes, files;
};

static struct seen *slot(struct copy *c, ext2_ino_t ino)
{
	size_t i = (ino * UINT32_C(2654435761)) & (c->seen_n - 1);

	while (c->seen[i].ino && c->seen[i].ino != ino)
		i = (i + 1) & (c->seen_n - 1);
	return &c->seen[i];
}

/* The place for this inode; its path is NULL when it was not there yet. */
static struct seen *remember(struct copy *c, ext2_ino_t ino)
{
	if (c->n_seen * 2 >= c->seen_n) {
		struct seen *old = c->seen;
		size_t old_n = c->seen_n;
		c->seen_n = old_n ? old_n * 2 : 256;
		c->seen = mem_array(c->seen_n, sizeof(*c->seen));
		for (size_t i = 0; i < old_n; i++)
			if (old[i].ino)
				*slot(c, old[i].ino) = old[i];
		free(old);
	}
	struct seen *s = slot(c, ino);
	if (!s->ino) {
		s->ino = ino;
		c->n_seen++;
	}
	return s;
}

struct gather {
	struct child *v;
	size_t n;
	bool bad;
};

static int gather_one(ext2_ino_t dir, int entry, struct ext2_dir_entry *de, int offset, int blocksize, char *buf, void *priv)
{
	struct gather *g = priv;
	size_t n = (size_t)ext2fs_dirent_name_len(de);

	if (entry != DIRENT_OTHER_FILE || de->inode == 0)
		return 0;
	g->v = mem_grow(g->v, g->n, sizeof(*g->v));
	g->v[g->n] = (struct child){ de->inode, mem_strndup(de->name, n) };
	g->bad = n == 0 || strlen(g->v[g->n].name) != n || strchr(g->v[g->n].name, '/') || g->n >= FILES_MAX;
	g->n++;
	return g->bad ? DIRENT_ABORT : 0;
}

static void gather_done(struct gather *g)
{
	for (size_t i = 0; i < g->n; i++)
		free(g->v[i].name);
	free(g->v);
}

struct xattrs {
	struct ext4_xattr v[XATTRS_MAX];
	size_t n;
	bool too_many;
};

static int keep_xattr(char *name, char *value, size_t n, void *priv)
{
	struct xattrs *x = priv;

	if (!strcmp(name, "system.data")) /* inline content, which is copied as content */
		return 0;
	x->too_many = x->n == XATTRS_MAX;
	if (x->too_many)
		return XATTR_ABORT;
	x->v[x->n++] = (struct ext4_xattr){ mem_strdup(name), mem_dup(value, n), n };
	return 0;
}

static void xattrs_done(struct xattrs *x)
{
	for (size_t i = 0; i < x->n; i++) {
		free((void *)(uintptr_t)x->v[i].name);
		free((void *)(uintptr_t)x->v[i].value);
	}
}

static MUST int read_xattrs(struct copy *c, ext2_ino_t ino, struct xattrs *x, struct err *e)
{
	unsigned raw = XATTR_HANDLE_FLAG_RAW; /* ACLs stay as they are stored: libext2fs's conversion trusts their sizes */
	struct ext2_xattr_handle *h;
	errcode_t r = ext2fs_xattrs_open(c->from->fs, ino, &h);

	if (!r) {
		r = ext2fs_xattrs_flags(h, &raw, NULL);
		if (!r)
			r = ext2fs_xattrs_read(h);
		if (!r)
			r = ext2fs_xattrs_iterate(h, keep_xattr, x);
		ext2fs_xattrs_close(&h);
	}
	if (x->too_many)
		return err_set(e, ERR_CORRUPT, "image '%s': inode %u has more than %d attributes", c->from->path, ino, XATTRS_MAX);
	return r ? ext4_fail(e, r, "read attributes of inode %u in image '%s'", ino, c->from->path) : 0;
}

/* Length of the content from block on that is not a hole, in bytes up to the end of a piece; *ret_hole says that it is one instead. */
static MUST int extent_of(struct copy *c, ext2_ino_t ino, union inode_room *in, uint64_t at, uint64_t size, size_t *ret_n, bool *ret_hole, struct err *e)
{
	uint32_t bs = c->from->fs->blocksize;
	uint64_t end = size - at < PIECE_BYTES ? size : at + PIECE_BYTES, pos = at;

	for (; pos < end; pos = (pos / bs + 1) * bs) {
		int flags = 0;
		blk64_t block;
		errcode_t r = ext2fs_bmap2(c->from->fs, ino, &in->small, NULL, 0, pos / bs, &flags, &block);
		if (r)
			return ext4_fail(e, r, "read inode %u of image '%s'", ino, c->from->path);
		bool hole = !block || (flags & BMAP_RET_UNINIT);
		if (pos == at)
			*ret_hole = hole;
		else if (hole != *ret_hole)
			break;
	}
	*ret_n = (size_t)((pos < end ? pos : end) - at);
	return 0;
}

static MUST int copy_content(struct copy *c, ext2_ino_t ino, union inode_room *in, uint64_t size, struct err *e)
{
	bool inside = in->large.i_flags & EXT4_INLINE_DATA_FL, hole = false;
	size_t n;

	for (uint64_t at = 0; at < size; at += n) {
		n = size - at < PIECE_BYTES ? (size_t)(size - at) : PIECE_BYTES;
		if (!inside && extent_of(c, ino, in, at, size, &n, &hole, e) < 0)
			return -1;
		if (hole)
			continue;
		if (proc_cancelled())
			return err_set(e, ERR_CANCELLED, "cancelled");
		if (ext4_read_at(c->from, ino, size, at, c->piece, n, e) < 0 || ext4_build_data(c->b, at, c->piece, n, e) < 0)
			return -1;
	}
	return 0;
}

static MUST int copy_one(struct copy *c, ext2_ino_t ino, union inode_room *in, struct err *e)
{
	AUTO_MEM char *target = NULL;
	struct xattrs xattrs = { .n = 0 };
	struct ext4_entry out = { .path = c->path.len ? c->path.data : "/", .size = EXT2_I_SIZE(&in->large), .xattrs = xattrs.v };
	int r;

	ext4_inode_get(in, EXT2_INODE_SIZE(c->from->fs->super), &out.meta);
	if (S_ISLNK(out.meta.mode) && ext4_target(c->from, ino, in, &target, e) < 0)
		return -1;
	out.target = target;
	r = read_xattrs(c, ino, &xattrs, e);
	out.n_xattrs = xattrs.n;
	if (r == 0)
		r = ext4_build_add(c->b, &out, e);
	xattrs_done(&xattrs);
	if (r == 0 && S_ISREG(out.meta.mode))
		r = copy_content(c, ino, in, out.size, e);
	return r;
}

static MUST int visit(struct copy *c, ext2_ino_t ino, unsigned depth, struct err *e);

static MUST int visit_dir(struct copy *c, ext2_ino_t ino, unsigned depth, struct err *e)
{
	struct gather g = { 0 };
	errcode_t code = ext2fs_dir_iterate2(c->from->fs, ino, 0, NULL, gather_one, &g);
	int r = 0;

	if (code || g.bad) {
		gather_done(&g);
		return code ? ext4_fail(e, code, "read folder of inode %u in image '%s'", ino, c->from->path) :
			      err_set(e, ERR_CORRUPT, "folder of inode %u in image '%s' is damaged", ino, c->from->path);
	}
	for (size_t i = 0; i < g.n && r == 0; i++) {
		size_t before = c->path.len;
		if (depth == 0 && !strcmp(g.v[i].name, "lost+found"))
			continue;
		str_add_char(&c->path, '/');
		str_add(&c->path, g.v[i].name);
		r = visit(c, g.v[i].ino, depth + 1, e);
		c->path.len = before;
		c->path.data[before] = 0;
	}
	gather_done(&g);
	return r;
}

static MUST int visit(struct copy *c, ext2_ino_t ino, unsigned depth, struct err *e)
{
	union inode_room in;

	if (depth > DEPTH_MAX || ++c->files > FILES_MAX)
		return err_set(e, ERR_CORRUPT, "image '%s' has folders or files without end", c->from->path);
	if (proc_cancelled())
		return err_set(e, ERR_CANCELLED, "cancelled");
	if (ext4_load(c->from, ino, &in, e) < 0)
		return -1;
	bool dir = S_ISDIR(in.large.i_mode);
	if (!dir && in.large.i_links_count > 1) {
		struct seen *s = remember(c, ino);
		if (s->path)
			return c->b ? ext4_build_link(c->b, c->path.data, s->path, e) : 0;
		s->path = mem_strdup(c->path.data);
	}
	if (c->b && copy_one(c, ino, &in, e) < 0)
		return -1;
	uint64_t stored = ext2fs_get_stat_i_blocks(c->from->fs, &in.small) * 512;
	c->bytes += (stored + EXT2_MIN_BLOCK_SIZE * 4 - 1) & ~(uint64_t)(EXT2_MIN_BLOCK_SIZE * 4 - 1);
	return dir ? visit_dir(c, ino, depth, e) : 0;
}

static MUST int run(struct copy *c, const char *path, struct err *e)
{
	union inode_room in;
	ext2_ino_t ino;
	int r;

	if (ext4_find(c->from, path, true, &ino, e) < 0 || ext4_load(c->from, ino, &in, e) < 0)
		return -1;
	if (!S_ISDIR(in.large.i_mode))
		return err_set(e, ERR_INVALID, "'%s' in image '%s' is not a folder", path, c->from->path);
	c->piece = mem_new(PIECE_BYTES);
	r = visit(c, ino, 0, e);
	for (size_t i = 0; i < c->seen_n; i++)
		free(c->seen[i].path);
	free(c->seen);
	free(c->piece);
	return r;
}

int ext4_copy_tree(struct ext4 *from, const char *from_path, struct ext4_build *b, const char *to_path, struct err *e)
{
	struct copy c = { .from = from, .b = b };

	str_add(&c.path, to_path);
	while (c.path.len && c.path.data[c.path.len - 1] == '/')
		c.path.data[--c.path.len] = 0;
	int r = run(&c, from_path, e);
	str_done(&c.path);
	return r;
}

int ext4_measure_tree(struct ext4 *from, const char *path, uint64_t *ret_bytes, uint64_t *ret_inodes, struct err *e)
{
	struct copy c = { .from = from };

	int r = run(&c, path, e);
	str_done(&c.path);
	if (r < 0)
		return -1;
	*ret_bytes = c.bytes;
	*ret_inodes = c.files;
	return 0;
}
