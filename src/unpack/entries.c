/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unpack/entries.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/mem.h"

#define BLOCK ((size_t)256 << 10)

struct entries {
	int fd;
	uint64_t at, end, taken;
	struct archive *a;
	uint64_t size; /* of the entry at hand */
	uint8_t block[BLOCK];
};

static la_ssize_t take_block(struct archive *a, void *arg, const void **ret)
{
	struct entries *x = arg;
	uint64_t left = x->end - x->at;
	ssize_t k;

	do
		k = pread(x->fd, x->block, left < BLOCK ? (size_t)left : BLOCK, (off_t)x->at);
	while (k < 0 && errno == EINTR);
	if (k < 0) {
		archive_set_error(a, errno, "read: %s", strerror(errno));
		return -1;
	}
	x->at += (uint64_t)k;
	x->taken += (uint64_t)k;
	*ret = x->block;
	return k;
}

static MUST int damaged(struct entries *x, struct err *e)
{
	const char *why = archive_error_string(x->a);

	return err_set(e, ERR_CORRUPT, "damaged archive: %s", why ? why : "unknown format");
}

int unpack_entries_open(int fd, uint64_t offset, uint64_t n, struct entries **ret, struct err *e)
{
	AUTO(unpack_entries_free) struct entries *x = NEW(struct entries);

	x->fd = fd;
	x->at = offset;
	x->end = offset + n;
	x->a = archive_read_new();
	if (!x->a)
		return err_set(e, ERR_INTERNAL, "libarchive cannot start");
	archive_read_support_filter_gzip(x->a);
	archive_read_support_filter_xz(x->a);
	archive_read_support_filter_lzma(x->a);
	archive_read_support_filter_zstd(x->a);
	archive_read_support_filter_lz4(x->a);
	archive_read_support_filter_bzip2(x->a);
	archive_read_support_format_tar(x->a);
	archive_read_support_format_empty(x->a);
	archive_read_set_callback_data(x->a, x);
	archive_read_set_read_callback(x->a, take_block);
	if (archive_read_open1(x->a) != ARCHIVE_OK)
		return damaged(x, e);
	*ret = TAKE_PTR(x);
	return 0;
}

int unpack_entries_next(struct entries *x, struct entry *ret, bool *ret_more, struct err *e)
{
	struct archive_entry *a;
	int r = archive_read_next_header(x->a, &a);

	if (r == ARCHIVE_EOF) {
		*ret_more = false;
		return 0;
	}
	if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
		return damaged(x, e);
	const char *path = archive_entry_pathname(a), *hardlink = archive_entry_hardlink(a), *symlink = archive_entry_symlink(a);
	int64_t size = archive_entry_size(a);
	if (!path || strlen(path) >= UNPACK_PATH_MAX || size < 0)
		return err_set(e, ERR_CORRUPT, "damaged archive: an entry has no usable name or size");
	x->size = (uint64_t)size;
	*ret = (struct entry){ .path = path, .link = hardlink ? hardlink : symlink, .mode = archive_entry_mode(a), .hardlink = hardlink,
			       .mtime_s = archive_entry_mtime(a), .size = x->size };
	*ret_more = true;
	return 0;
}

int unpack_entries_read(struct entries *x, size_t max, void **ret, size_t *ret_n, struct err *e)
{
	if (x->size > max)
		return err_set(e, ERR_INVALID, "entry of %llu bytes is larger than %zu", (unsigned long long)x->size, max);
	AUTO_MEM char *data = mem_new((size_t)x->size + 1);
	size_t n = 0;
	while (n < x->size) {
		la_ssize_t k = archive_read_data(x->a, data + n, (size_t)x->size - n);
		if (k < 0)
			return damaged(x, e);
		if (k == 0)
			return err_set(e, ERR_CORRUPT, "damaged archive: an entry is shorter than announced");
		n += (size_t)k;
	}
	*ret = TAKE_PTR(data);
	*ret_n = n;
	return 0;
}

uint64_t unpack_entries_taken(const struct entries *x)
{
	return x->taken;
}

void unpack_entries_free(struct entries *x)
{
	if (!x)
		return;
	archive_read_free(x->a);
	free(x);
}
