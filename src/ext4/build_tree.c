/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tree of names in memory: what libext2fs would search on disk for each new name. */
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "ext4/build_internal.h"

#define CHUNK_BYTES ((size_t)1 << 20)
#define FIRST_TABLE ((size_t)1 << 14)

/* Names are many, small and freed together, which no malloc likes as much as this does. */
void *build_alloc(struct ext4_build *b, size_t n)
{
	struct arena *a = &b->arena;

	n = (n + 7) & ~(size_t)7;
	if (n > a->left) {
		size_t size = n + 8 > CHUNK_BYTES ? n + 8 : CHUNK_BYTES;
		char *chunk = mem_new(size);
		memcpy(chunk, &a->chunks, sizeof(void *));
		a->chunks = chunk;
		a->at = chunk + 8;
		a->left = size - 8;
	}
	char *p = a->at;
	a->at += n;
	a->left -= n;
	return p;
}

char *build_text(struct ext4_build *b, const char *s, size_t n)
{
	char *p = build_alloc(b, n + 1);

	memcpy(p, s, n);
	p[n] = 0;
	return p;
}

static size_t hash(const struct node *dir, const char *name, size_t n)
{
	uint64_t h = (uint64_t)(uintptr_t)dir * UINT64_C(0x9e3779b97f4a7c15);

	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)name[i]) * UINT64_C(0x100000001b3);
	return (size_t)(h ^ h >> 29);
}

struct node *build_find(struct ext4_build *b, struct node *dir, const char *name, size_t n)
{
	if (!b->table)
		return NULL;
	for (struct node *x = b->table[hash(dir, name, n) & (b->table_n - 1)]; x; x = x->next_in_hash)
		if (x->parent == dir && x->len == n && x->file && !memcmp(x->name, name, n))
			return x;
	return NULL;
}

static void enlarge(struct ext4_build *b)
{
	size_t n = b->table_n ? b->table_n * 2 : FIRST_TABLE;
	struct node **table = mem_array(n, sizeof(*table));

	for (size_t i = 0; i < b->table_n; i++)
		for (struct node *x = b->table[i], *next; x; x = next) {
			next = x->next_in_hash;
			size_t h = hash(x->parent, x->name, x->len) & (n - 1);
			x->next_in_hash = table[h];
			table[h] = x;
		}
	free(b->table);
	b->table = table;
	b->table_n = n;
}

struct node *build_node(struct ext4_build *b, struct node *dir, const char *name, size_t n, struct file *file)
{
	struct node *x = build_alloc(b, sizeof(*x) + n + 1);

	if (b->n_nodes >= b->table_n)
		enlarge(b);
	memcpy(x->name, name, n);
	x->len = (uint8_t)n;
	x->parent = dir;
	x->file = file;
	b->n_nodes++;
	if (!dir)
		return x;
	size_t h = hash(dir, name, n) & (b->table_n - 1);
	x->next_in_hash = b->table[h];
	b->table[h] = x;
	if (dir->file->last_child)
		dir->file->last_child->sibling = x;
	else
		dir->file->child = x;
	dir->file->last_child = x;
	if (S_ISDIR(file->mode))
		dir->file->n_dirs++;
	return x;
}

int build_new_dir(struct ext4_build *b, struct node *dir, const char *name, size_t n, struct node **ret, struct err *e)
{
	struct ext4_meta meta = ext4_meta(S_IFDIR | 0755, 0, 0, 0);
	struct file *f = build_alloc(b, sizeof(*f));
	unsigned depth = 0;

	for (struct node *up = dir; up; up = up->parent)
		if (++depth > BUILD_DEPTH_MAX)
			return err_set(e, ERR_INVALID, "'%.*s' is in more than %d folders", (int)n, name, BUILD_DEPTH_MAX);
	f->mode = S_IFDIR;
	f->inode = build_alloc(b, sizeof(*f->inode));
	ext4_inode_fill(f->inode, &meta, BUILD_INODE_BYTES);
	if (build_new_ino(b, name, true, &f->ino, e) < 0)
		return -1;
	*ret = build_node(b, dir, name, n, f);
	return 0;
}

static void unhash(struct ext4_build *b, struct node *x)
{
	struct node **at = &b->table[hash(x->parent, x->name, x->len) & (b->table_n - 1)];

	while (*at != x)
		at = &(*at)->next_in_hash;
	*at = x->next_in_hash;
}

/* Without recursion: the deepest name goes first. */
int build_drop(struct ext4_build *b, struct node *x, struct err *e)
{
	struct node *at = x;

	for (;;) {
		struct file *f = at->file;
		while (S_ISDIR(f->mode) && f->child && !f->child->file)
			f->child = f->child->sibling;
		if (S_ISDIR(f->mode) && f->child) {
			at = f->child;
			continue;
		}
		struct node *up = at->parent;
		unhash(b, at);
		at->file = NULL;
		if (S_ISDIR(f->mode))
			up->file->n_dirs--;
		if (at == b->lost_found)
			b->lost_found = NULL;
		bool last = S_ISDIR(f->mode) || --f->links == 0;
		if ((last ? build_free_inode(b, f, e) : build_store_links(b, f, e)) < 0)
			return -1;
		if (at == x)
			return 0;
		at = up;
	}
}

/* What is still to be walked, when a symlink has put itself in front of it. */
struct route {
	char *text;
	const char *rest;
	unsigned links;
};

static int take_link(struct route *r, const struct node *link, const char *behind, const char *path, struct err *e)
{
	const char *target = link->file->target;

	if (++r->links > BUILD_LINKS_MAX || strlen(target) + strlen(behind) >= BUILD_PATH_MAX)
		return err_set(e, ERR_INVALID, "'%.200s' leads through symlinks without end", path);
	char *text = mem_printf("%s/%s", target, behind);
	free(r->text);
	r->text = text;
	r->rest = text;
	return 0;
}

static int step(struct ext4_build *b, struct node **dir, struct route *r, const char *path, bool make, struct err *e)
{
	size_t n = strcspn(r->rest, "/");
	const char *behind = r->rest + n + strspn(r->rest + n, "/");
	struct node *x;

	if (n == 1 && r->rest[0] == '.') {
		r->rest = behind;
		return 0;
	}
	if (n == 2 && !memcmp(r->rest, "..", 2)) {
		if (!r->text)
			return err_set(e, ERR_INVALID, "'%.200s' has '..' in it, which no archive needs", path);
		*dir = (*dir)->parent ? (*dir)->parent : *dir;
		r->rest = behind;
		return 0;
	}
	if (n > BUILD_NAME_MAX)
		return err_set(e, ERR_INVALID, "'%.100s...' has a name longer than %d bytes", path, BUILD_NAME_MAX);
	x = build_find(b, *dir, r->rest, n);
	if (!x && !make) {
		*dir = NULL;
		return 0;
	}
	if (!x && build_new_dir(b, *dir, r->rest, n, &x, e) < 0)
		return err_wrap(e, "'%.200s'", path);
	if (S_ISLNK(x->file->mode)) {
		if (take_link(r, x, behind, path, e) < 0)
			return -1;
		if (r->rest[0] == '/')
			*dir = b->root;
		r->rest += strspn(r->rest, "/");
		return 0;
	}
	if (!S_ISDIR(x->file->mode))
		return err_set(e, ERR_INVALID, "'%.200s' is below '%s', which is not a folder", path, x->name);
	*dir = x;
	r->rest = behind;
	return 0;
}

/* The last name of text, without its slashes; *ret_n 0 if there is none but dots. */
static const char *last_name(const char *text, size_t *ret_n)
{
	size_t end = strlen(text), begin;

	for (;;) {
		while (end && text[end - 1] == '/')
			end--;
		begin = end;
		while (begin && text[begin - 1] != '/')
			begin--;
		if (end - begin != 1 || text[begin] != '.')
			break;
		end = begin;
	}
	*ret_n = end - begin;
	return text + begin;
}

int build_walk(struct ext4_build *b, const char *path, bool make, struct node **ret_dir, const char **ret_name, size_t *ret_n, struct err *e)
{
	struct route r = { .rest = path };
	struct node *dir = b->root;
	size_t n;
	const char *last;
	int result = 0;

	if (strlen(path) >= BUILD_PATH_MAX)
		return err_set(e, ERR_INVALID, "the name '%.100s...' is longer than %d bytes", path, BUILD_PATH_MAX - 1);
	last = last_name(path, &n);
	if (n == 2 && !memcmp(last, "..", 2))
		return err_set(e, ERR_INVALID, "'%.200s' has '..' in it, which no archive needs", path);
	if (n > BUILD_NAME_MAX)
		return err_set(e, ERR_INVALID, "'%.100s...' has a name longer than %d bytes", path, BUILD_NAME_MAX);
	/* the folders on the way, as a text of their own: a symlink's target may end anywhere */
	AUTO_MEM char *folders = mem_strndup(path, (size_t)(last - path));
	r.rest = folders + strspn(folders, "/");
	while (result == 0 && *r.rest && dir)
		result = step(b, &dir, &r, path, make, e);
	free(r.text);
	if (result < 0)
		return -1;
	*ret_dir = dir;
	*ret_name = n ? last : NULL;
	*ret_n = n;
	return 0;
}
