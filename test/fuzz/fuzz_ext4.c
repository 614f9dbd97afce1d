/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hostile image: reading, copying, editing and growing it ends, with or without an error. The input is patches of a small image that has
 * one of everything: a block among those in use (1 byte), an offset in it (2 bytes), a length (1 byte), bytes. Its checksums are off, so
 * that a patch is not refused for them. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ext4/copy.h"
#include "ext4/fs.h"
#include "ext4/tree.h"

#define IMAGE_BYTES ((size_t)2 << 20)
#define BLOCK 4096
#define BLOCKS (IMAGE_BYTES / BLOCK)
#define PATCHES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t base[IMAGE_BYTES];
static unsigned used[BLOCKS], n_used;

static void must(int r, const struct err *e)
{
	if (r < 0) {
		fprintf(stderr, "%s\n", e->msg);
		abort();
	}
}

static void add(struct ext4_build *b, const char *path, uint32_t mode, const char *target, const char *content)
{
	struct ext4_xattr xattr = { "user.name", path, strlen(path) };
	static char big[1000];
	struct ext4_xattr large = { "user.large", big, sizeof(big) };
	struct ext4_entry in = { .path = path, .meta = ext4_meta(mode, 1, 2, 3), .target = target, .size = content ? strlen(content) : 0,
				 .xattrs = content ? &large : &xattr, .n_xattrs = mode & 1 };
	struct err e = { 0 };

	must(ext4_build_add(b, &in, &e), &e);
	if (content)
		must(ext4_build_data(b, 0, content, strlen(content), &e), &e);
}

static void fill(struct ext4_build *b)
{
	static char long_target[200];
	struct ext4_entry holes = { .path = "/d/holes", .meta = ext4_meta(S_IFREG | 0644, 0, 0, 9), .size = 100 * BLOCK };
	struct err e = { 0 };
	char name[300];

	add(b, "/d", S_IFDIR | 0755, NULL, NULL);
	add(b, "/d/file", S_IFREG | 0755, NULL, "content");
	add(b, "/link", S_IFLNK | 0777, "d/file", NULL);
	memset(long_target, 'x', sizeof(long_target) - 1);
	add(b, "/long", S_IFLNK | 0776, long_target, NULL);
	add(b, "/d/null", S_IFCHR | 0644, NULL, NULL);
	must(ext4_build_add(b, &holes, &e), &e);
	for (unsigned i = 0; i < 10; i++)
		must(ext4_build_data(b, (uint64_t)i * 2 * BLOCK, "x", 1, &e), &e);
	must(ext4_build_link(b, "/hard", "/d/holes", &e), &e);
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "/many/%0240d", i);
		add(b, name, S_IFREG | 0644, NULL, "");
	}
}

static void make_base(void)
{
	struct ext4_mkfs how = { .bytes = IMAGE_BYTES, .inodes = 100 };
	AUTO_FD int fd = memfd_create("base", MFD_CLOEXEC);
	struct ext4_build *b;
	struct err e = { 0 };
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	must(ext4_mkfs(path, &how, &e), &e);
	must(ext4_build_new(path, &b, &e), &e);
	fill(b);
	must(ext4_build_finish(b, false, &e), &e);
	if (pread(fd, base, IMAGE_BYTES, 0) != (ssize_t)IMAGE_BYTES)
		abort();
	base[1024 + 0x65] &= (uint8_t)~0x04; /* s_feature_ro_compat: no METADATA_CSUM (0x400) */
	base[1024 + 0x61] &= (uint8_t)~0x20; /* s_feature_incompat: no CSUM_SEED (0x2000) */
	for (unsigned i = 0; i < BLOCKS; i++) {
		static const uint8_t zero[BLOCK];
		if (memcmp(base + (size_t)i * BLOCK, zero, BLOCK))
			used[n_used++] = i;
	}
}

static int see(void *arg, const char *name, const struct ext4_stat *st)
{
	return ++*(unsigned *)arg > 10000;
}

static void read_all(const char *image)
{
	static const char *const paths[] = { "/", "/d", "/d/file", "/link", "/long", "/d/holes", "/hard", "/many", "/lost+found", "/d/../link" };
	struct ext4_stat st;
	struct err e = { 0 };
	struct ext4 *x;
	char *text;
	size_t n;

	if (ext4_open(image, false, &x, &e) < 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		unsigned seen = 0;
		if (ext4_stat(x, paths[i], i & 1, &st, &e) < 0)
			err_clear(&e);
		if (ext4_list(x, paths[i], see, &seen, &e) < 0)
			err_clear(&e);
		if (ext4_read_file(x, paths[i], 1 << 20, &text, &n, &e) == 0)
			free(text);
		err_clear(&e);
		if (ext4_read_link(x, paths[i], &text, &e) == 0)
			free(text);
		err_clear(&e);
	}
	ext4_free(x);
}

static void copy_all(const char *image)
{
	AUTO_FD int fd = memfd_create("copy", MFD_CLOEXEC);
	struct ext4_mkfs how = { .bytes = 2 * IMAGE_BYTES };
	AUTO(ext4_free) struct ext4 *from = NULL;
	AUTO(ext4_build_free) struct ext4_build *b = NULL;
	enum ext4_health health;
	struct err e = { 0 };
	char path[64], *first;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	must(ext4_mkfs(path, &how, &e), &e);
	must(ext4_build_new(path, &b, &e), &e);
	if (ext4_open(image, false, &from, &e) < 0 || ext4_copy_tree(from, "/", b, "/", &e) < 0 || ext4_build_finish(TAKE_PTR(b), false, &e) < 0)
		return;
	must(ext4_check(path, &health, &first, &e), &e);
	if (health != EXT4_CLEAN) { /* whatever the source was */
		fprintf(stderr, "%s\n", first);
		abort();
	}
	free(first);
}

static void edit_all(const char *image)
{
	struct ext4_meta meta = ext4_meta(0644, 0, 0, 1);
	static char content[3 * BLOCK];
	struct err e = { 0 };
	struct ext4 *x;

	if (ext4_open(image, true, &x, &e) < 0)
		return;
	if (ext4_put_file(x, "/d/file", content, sizeof(content), &meta, &e) < 0)
		err_clear(&e);
	if (ext4_make_dirs(x, "/link/a/b", &meta, &e) < 0)
		err_clear(&e);
	if (ext4_make_dirs(x, "/many/a/b", &meta, &e) < 0)
		err_clear(&e);
	if (ext4_symlink(x, "/many/s", "target", &meta, &e) < 0)
		err_clear(&e);
	if (ext4_set_meta(x, "/long", &meta, &e) < 0)
		err_clear(&e);
	if (ext4_remove(x, "/d", &e) < 0)
		err_clear(&e);
	if (ext4_remove(x, "/hard", &e) < 0)
		err_clear(&e);
	if (ext4_close(x, &e) < 0)
		err_clear(&e);
	if (ext4_grow(image, 4 * IMAGE_BYTES, &e) < 0)
		err_clear(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FD int fd = memfd_create("image", MFD_CLOEXEC);
	enum ext4_health health;
	struct ext4_info info;
	struct err e = { 0 };
	char image[64];

	if (!n_used)
		make_base();
	if (fd < 0 || write(fd, base, IMAGE_BYTES) != (ssize_t)IMAGE_BYTES)
		abort();
	for (int i = 0; i < PATCHES_MAX && size >= 5; i++) {
		size_t at = data[1] | (size_t)data[2] << 8, n = data[3] < size - 4 ? data[3] : size - 4;
		at %= BLOCK;
		n = n < BLOCK - at ? n : BLOCK - at;
		if (pwrite(fd, data + 4, n, (off_t)((size_t)used[data[0] % n_used] * BLOCK + at)) != (ssize_t)n)
			abort();
		data += 4 + n;
		size -= 4 + n;
	}
	snprintf(image, sizeof(image), "/proc/self/fd/%d", fd);
	if (ext4_info(image, &info, &e) < 0)
		err_clear(&e);
	read_all(image);
	copy_all(image);
	if (ext4_check(image, &health, NULL, &e) < 0)
		err_clear(&e);
	edit_all(image);
	if (ext4_replay(image, &e) < 0)
		err_clear(&e);
	return 0;
}
