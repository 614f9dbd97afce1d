/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Shared by the builder's files: the tree of names in memory, the allocator, the one stream of writes. */

#include "ext4/build.h"
#include "ext4/ext4_internal.h"

#define BUILD_INODE_BYTES 256
#define BUILD_JOIN_BYTES ((size_t)4 << 20)
#define BUILD_NAME_MAX 255
#define BUILD_PATH_MAX 4096
#define BUILD_LINKS_MAX 40       /* symlinks followed in one path */
#define BUILD_DEPTH_MAX 2048     /* folders within folders: as many as a path can name */
#define BUILD_FILE_LINKS_MAX 65000

/* A run of blocks of the image. */
struct run {
	blk64_t at;
	uint32_t logical; /* first block of the file */
	uint32_t n;
};

struct runs {
	struct run *v;
	size_t n;
};

/* An inode of which there may be several names. */
struct node;
struct file {
	ext2_ino_t ino;
	uint16_t mode; /* type only */
	uint32_t links;
	char *target;                   /* of a symlink, in the arena */
	struct ext2_inode_large *inode; /* of a folder, kept until the end, in the arena */
	struct node *child, *last_child;
	uint32_t n_dirs;
	struct ext4_xattr_copy *xattrs; /* of a folder */
};

/* A name. Nodes live in the arena until the end. */
struct node {
	struct node *parent, *next_in_hash, *sibling;
	struct file *file; /* NULL once removed */
	uint8_t len;
	char name[];
};

/* Attributes of folders, written when the folder is. */
struct ext4_xattr_copy {
	struct ext4_xattr_copy *next;
	char *name;
	void *value;
	size_t n;
};

struct arena {
	void *chunks; /* each begins with a pointer to the one before */
	char *at;
	size_t left;
};

struct late_link {
	char *path, *target;
};

struct ext4_build {
	ext2_filsys fs;
	char *image;
	int fd;
	uint32_t block_bytes;
	/* names */
	struct arena arena;
	struct node **table;
	size_t table_n, n_nodes;
	struct node *root, *lost_found;
	struct late_link *late;
	size_t n_late;
	ext2_ino_t next_ino;
	/* blocks: a stretch taken from the bitmap at once, given out in pieces */
	blk64_t stretch, stretch_n, goal;
	struct run *freed; /* marked as used until the end, so that nothing old shows through partly written blocks */
	size_t n_freed;
	/* the file being written */
	struct file *open;
	const char *open_name; /* in the arena */
	struct ext2_inode_large open_inode;
	struct runs open_runs;
	size_t open_run; /* the one being filled */
	uint64_t open_size, open_pos;
	struct ext4_xattr_copy *open_xattrs;
	/* writes that join */
	uint8_t *join;
	size_t join_n;
	uint64_t join_at;
};

void *build_alloc(struct ext4_build *b, size_t n);
char *build_text(struct ext4_build *b, const char *s, size_t n);

/* names: build_tree.c */
struct node *build_find(struct ext4_build *b, struct node *dir, const char *name, size_t n);
struct node *build_node(struct ext4_build *b, struct node *dir, const char *name, size_t n, struct file *file);
/* The folder that path's last name is in, made with all on the way, and that name; *ret_name is NULL for the root. With make unset a
 * missing folder gives *ret_dir NULL. */
MUST int build_walk(struct ext4_build *b, const char *path, bool make, struct node **ret_dir, const char **ret_name, size_t *ret_n, struct err *e);
MUST int build_new_dir(struct ext4_build *b, struct node *dir, const char *name, size_t n, struct node **ret, struct err *e);
/* Takes the name away, and with the last name the file; folders with their content. */
MUST int build_drop(struct ext4_build *b, struct node *x, struct err *e);

/* space and content: build_data.c */
MUST int build_new_ino(struct ext4_build *b, const char *name, bool dir, ext2_ino_t *ret, struct err *e);
/* Adds blocks to the runs from logical on. */
MUST int build_alloc_blocks(struct ext4_build *b, const char *name, uint32_t logical, uint32_t n, struct runs *runs, struct err *e);
/* Frees the inode's blocks at the end; nothing new goes there before. */
MUST int build_free_inode(struct ext4_build *b, const struct file *f, struct err *e);
MUST int build_store_links(struct ext4_build *b, const struct file *f, struct err *e);
/* From now on libext2fs, too, takes its blocks from the stretch. */
void build_lend_blocks(struct ext4_build *b);
void build_return_space(struct ext4_build *b);
/* Puts bytes at their place in the image; they are joined with what was put before. */
MUST int build_put(struct ext4_build *b, uint64_t at, const void *p, size_t n, struct err *e);
MUST int build_flush(struct ext4_build *b, struct err *e);
/* Writes the inode with these runs as its content. */
MUST int build_write_inode(struct ext4_build *b, const char *name, ext2_ino_t ino, struct ext2_inode_large *in, const struct runs *runs,
			   struct err *e);
MUST int build_write_xattrs(struct ext4_build *b, const char *name, ext2_ino_t ino, const struct ext4_xattr_copy *list, struct err *e);
/* Copies them into the arena; build_xattr.c. */
MUST int build_copy_xattrs(struct ext4_build *b, const struct ext4_entry *in, struct ext4_xattr_copy **ret, struct err *e);
int build_fail(struct ext4_build *b, const char *name, errcode_t code, struct err *e);

/* folders: build_dir.c */
MUST int build_write_dirs(struct ext4_build *b, struct err *e);
