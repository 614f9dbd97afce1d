/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Folders on disk: lists of names in blocks, and from three blocks on a hash tree over them (htree), as the kernel would have grown it.
 * Format: Documentation/filesystems/ext4/directory.rst of Linux. */
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "ext4/build_internal.h"

#define LINEAR_BLOCKS_MAX 2
#define LOST_FOUND_BLOCKS 4    /* so that a check need not allocate */
#define DIR_LINKS_MAX 65000    /* EXT4_LINK_MAX; from there on a folder says 1 */
#define ENTRY_BYTES(name_len) ((8 + (unsigned)(name_len) + 3) & ~3u)
#define ROOT_HEAD_BYTES 32     /* "." and ".." (12 each), then 8 bytes of facts */
#define NODE_HEAD_BYTES 8      /* an empty entry over the whole block */
#define INDEX_TAIL_BYTES 8
#define INDEX_ENTRY_BYTES 8

struct name {
	uint32_t hash, minor;
	const struct node *node;
};

/* The blocks of one folder in the making. */
struct dir {
	struct ext4_build *b;
	const struct node *node;
	struct name *names;
	size_t n_names;
	uint8_t *blocks; /* cap of them, n used */
	size_t n, cap;
	unsigned limit; /* bytes of a block that entries may use */
	unsigned at;    /* in the last block */
	unsigned last;  /* where its last entry begins */
	/* of leaves: hash of the first name, in the index */
	uint32_t *first_hash;
	size_t n_leaves;
};

/* The written form of one index entry; the first of a block has limit and count in place of the hash. */
struct index_entry {
	uint32_t hash, block;
};

struct dir_facts {
	uint32_t zero;
	uint8_t hash_version, bytes, levels, flags;
};

static uint8_t *block_of(struct dir *d, size_t i)
{
	return d->blocks + i * d->b->block_bytes;
}

static uint8_t *new_block(struct dir *d)
{
	if (d->n == d->cap) {
		d->cap = d->cap ? d->cap * 2 : 4;
		d->blocks = mem_resize(d->blocks, d->cap, d->b->block_bytes);
	}
	memset(block_of(d, d->n), 0, d->b->block_bytes);
	d->at = 0;
	return block_of(d, d->n++);
}

static void put_entry(struct dir *d, unsigned at, unsigned bytes, ext2_ino_t ino, const char *name, unsigned n, int type)
{
	struct ext2_dir_entry *de = (struct ext2_dir_entry *)(void *)(block_of(d, d->n - 1) + at);

	de->inode = ino;
	de->rec_len = (uint16_t)bytes;
	ext2fs_dirent_set_name_len(de, (int)n);
	ext2fs_dirent_set_file_type(de, type);
	memcpy(de->name, name, n);
	d->last = at;
}

/* The last entry of a block reaches to its end; then comes the checksum. */
static void close_block(struct dir *d)
{
	uint8_t *block = block_of(d, d->n - 1);

	if (d->at == 0) /* nothing in it: one empty entry */
		d->last = 0;
	struct ext2_dir_entry *de = (struct ext2_dir_entry *)(void *)(block + d->last);
	de->rec_len = (uint16_t)(d->limit - d->last);
	if (d->limit < d->b->block_bytes)
		ext2fs_initialize_dirent_tail(d->b->fs, (struct ext2_dir_entry_tail *)(void *)(block + d->limit));
}

static bool fits(const struct dir *d, unsigned n)
{
	return d->at + ENTRY_BYTES(n) <= d->limit;
}

static void add_name(struct dir *d, ext2_ino_t ino, const char *name, unsigned n, int type)
{
	if (!fits(d, n)) {
		close_block(d);
		new_block(d);
	}
	put_entry(d, d->at, ENTRY_BYTES(n), ino, name, n, type);
	d->at += ENTRY_BYTES(n);
}

static ext2_ino_t parent_ino(const struct dir *d)
{
	return d->node->parent ? d->node->parent->file->ino : d->node->file->ino;
}

static void write_linear(struct dir *d)
{
	new_block(d);
	add_name(d, d->node->file->ino, ".", 1, EXT2_FT_DIR);
	add_name(d, parent_ino(d), "..", 2, EXT2_FT_DIR);
	for (size_t i = 0; i < d->n_names; i++) {
		const struct node *x = d->names[i].node;
		add_name(d, x->file->ino, x->name, x->len, ext4_dirent_type(x->file->mode));
	}
	close_block(d);
	while (d->node == d->b->lost_found && d->n < LOST_FOUND_BLOCKS) {
		new_block(d);
		close_block(d);
	}
}

static int by_hash(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->minor < y->minor ? -1 : x->minor > y->minor;
}

static MUST int hash_names(struct dir *d, struct err *e)
{
	struct ext2_super_block *sb = d->b->fs->super;
	int version = sb->s_def_hash_version;
	errcode_t r = 0;

	if (version <= EXT2_HASH_TEA && (sb->s_flags & EXT2_FLAGS_UNSIGNED_HASH))
		version += 3;
	for (size_t i = 0; !r && i < d->n_names; i++) {
		const struct node *x = d->names[i].node;
		r = ext2fs_dirhash(version, x->name, x->len, sb->s_hash_seed, &d->names[i].hash, &d->names[i].minor);
	}
	if (r)
		return build_fail(d->b, d->node->name, r, e);
	qsort(d->names, d->n_names, sizeof(d->names[0]), by_hash);
	return 0;
}

/* Leaves in the order of their hashes. Where one hash goes over two leaves, the second's has its lowest bit set. */
static void write_leaves(struct dir *d)
{
	uint32_t before = 0;

	for (size_t i = 0; i < d->n_names; i++) {
		const struct node *x = d->names[i].node;
		if (i == 0 || !fits(d, x->len)) {
			if (i)
				close_block(d);
			new_block(d);
			d->first_hash = mem_grow(d->first_hash, d->n_leaves, sizeof(uint32_t));
			d->first_hash[d->n_leaves++] = d->names[i].hash | (i && d->names[i].hash == before);
		}
		add_name(d, x->file->ino, x->name, x->len, ext4_dirent_type(x->file->mode));
		before = d->names[i].hash;
	}
	close_block(d);
}

/* Fills the part of an index block behind its head: entry i names block first_block + i * step. */
static void put_index(uint8_t *block, unsigned head, unsigned limit, const uint32_t *hashes, size_t hash_step, uint32_t first_block, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct index_entry x = { i ? hashes[i * hash_step] : 0, first_block + (uint32_t)i };
		if (i == 0)
			x.hash = (uint32_t)limit | (uint32_t)n << 16; /* struct ext2_dx_countlimit, little-endian */
		memcpy(block + head + i * INDEX_ENTRY_BYTES, &x, sizeof(x));
	}
}

/* Block 0 is the root, then the leaves, then the nodes between them when the root alone cannot name all leaves. */
static MUST int write_index(struct dir *d, struct err *e)
{
	unsigned bs = d->b->block_bytes, tail = d->limit < bs ? INDEX_TAIL_BYTES : 0;
	unsigned root_max = (bs - ROOT_HEAD_BYTES - tail) / INDEX_ENTRY_BYTES, node_max = (bs - NODE_HEAD_BYTES - tail) / INDEX_ENTRY_BYTES;
	size_t n_nodes = d->n_leaves <= root_max ? 0 : (d->n_leaves + node_max - 1) / node_max;
	struct dir_facts facts = { .hash_version = d->b->fs->super->s_def_hash_version, .bytes = sizeof(facts), .levels = n_nodes ? 1 : 0 };

	if (n_nodes > root_max)
		return err_set(e, ERR_INVALID, "folder '%s' has more names than an ext4 folder can have", d->node->name);
	for (size_t i = 0; i < n_nodes; i++) {
		size_t from = i * node_max, n = d->n_leaves - from < node_max ? d->n_leaves - from : node_max;
		uint8_t *block = new_block(d);
		put_entry(d, 0, bs, 0, "", 0, 0);
		put_index(block, NODE_HEAD_BYTES, node_max, d->first_hash + from, 1, (uint32_t)(1 + from), n);
	}
	uint8_t *root = block_of(d, 0);
	memcpy(root + 24, &facts, sizeof(facts));
	if (n_nodes)
		put_index(root, ROOT_HEAD_BYTES, root_max, d->first_hash, node_max, (uint32_t)(1 + d->n_leaves), n_nodes);
	else
		put_index(root, ROOT_HEAD_BYTES, root_max, d->first_hash, 1, 1, d->n_leaves);
	return 0;
}

static MUST int write_tree(struct dir *d, struct err *e)
{
	if (hash_names(d, e) < 0)
		return -1;
	new_block(d);
	put_entry(d, 0, 12, d->node->file->ino, ".", 1, EXT2_FT_DIR);
	put_entry(d, 12, d->b->block_bytes - 12, parent_ino(d), "..", 2, EXT2_FT_DIR);
	write_leaves(d);
	return write_index(d, e);
}

/* Collects the names that are left and says how many blocks a plain list of them takes. */
static size_t collect(struct dir *d)
{
	size_t blocks = 1;
	unsigned at = 24;

	for (struct node *x = d->node->file->child; x; x = x->sibling) {
		if (!x->file)
			continue;
		d->names = mem_grow(d->names, d->n_names, sizeof(*d->names));
		d->names[d->n_names++].node = x;
		if (at + ENTRY_BYTES(x->len) > d->limit) {
			blocks++;
			at = 0;
		}
		at += ENTRY_BYTES(x->len);
	}
	return blocks;
}

static MUST int store(struct dir *d, bool tree, struct err *e)
{
	struct ext4_build *b = d->b;
	struct file *f = d->node->file;
	uint32_t links = 2 + f->n_dirs;
	struct runs runs = { 0 };
	size_t block = 0;
	errcode_t r = 0;
	int result = build_alloc_blocks(b, d->node->name, 0, (uint32_t)d->n, &runs, e);

	f->inode->i_links_count = (uint16_t)(links >= DIR_LINKS_MAX ? 1 : links);
	f->inode->i_flags = tree ? EXT2_INDEX_FL : 0;
	if (result == 0)
		ext2fs_inode_size_set(b->fs, (struct ext2_inode *)f->inode, (ext2_off64_t)(d->n * b->block_bytes));
	if (result == 0)
		result = build_write_inode(b, d->node->name, f->ino, f->inode, &runs, e);
	for (size_t i = 0; result == 0 && i < runs.n; i++) {
		for (uint32_t k = 0; !r && k < runs.v[i].n; k++)
			r = ext2fs_dir_block_csum_set(b->fs, f->ino, (struct ext2_dir_entry *)(void *)block_of(d, block + k));
		result = r ? build_fail(b, d->node->name, r, e) :
			     build_put(b, runs.v[i].at * b->block_bytes, block_of(d, block), (size_t)runs.v[i].n * b->block_bytes, e);
		block += runs.v[i].n;
	}
	free(runs.v);
	return result < 0 ? -1 : build_write_xattrs(b, d->node->name, f->ino, f->xattrs, e);
}

static MUST int write_dir(struct ext4_build *b, const struct node *x, struct err *e)
{
	struct dir d = { .b = b, .node = x, .limit = b->block_bytes };
	bool tree;
	int r = 0;

	if (ext2fs_has_feature_metadata_csum(b->fs->super))
		d.limit -= (unsigned)sizeof(struct ext2_dir_entry_tail);
	tree = collect(&d) > LINEAR_BLOCKS_MAX && ext2fs_has_feature_dir_index(b->fs->super);
	if (tree)
		r = write_tree(&d, e);
	else
		write_linear(&d);
	if (r == 0)
		r = store(&d, tree, e);
	free(d.names);
	free(d.blocks);
	free(d.first_hash);
	return r;
}

int build_write_dirs(struct ext4_build *b, struct err *e)
{
	const struct node *x = b->root;

	/* every folder once, parents first, without a stack: down, else to the right, else up */
	while (x) {
		bool dir = x->file && S_ISDIR(x->file->mode);
		if (dir && write_dir(b, x, e) < 0)
			return -1;
		if (dir && x->file->child) {
			x = x->file->child;
			continue;
		}
		while (x && !x->sibling)
			x = x->parent;
		x = x ? x->sibling : NULL;
	}
	return 0;
}
