/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libarchive's tar reader over our stream: its filters are not used, so its blocks are our buffers and plain data is never copied. */
#include "unpack/tar.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/mem.h"

#define BLOCK 512 /* of tar */
#define TAIL_BYTES ((size_t)128 << 10) /* of the buffer before the current one: more than the headers of any usual entry */
#define ACL_ENTRIES_MAX 1024
#define ACL_XATTR_VERSION 2 /* linux/posix_acl_xattr.h */

struct acl_head {
	uint32_t version;
};

struct acl_entry {
	uint16_t tag, perm;
	uint32_t id;
};

struct tar_reader {
	struct unpack_stream *stream;
	struct archive *a;
	struct tar_entry entry;
	struct tar_xattr xattrs[TAR_XATTRS_MAX];
	void *acls[2];
	struct err *e; /* of the call under way, for the callback */
	uint8_t *tail; /* the last tail_n bytes before data */
	size_t tail_n;
	const uint8_t *data; /* the buffer handed over last */
	size_t n;
	uint64_t total; /* handed over so far */
	bool stream_end;
};

/* Keeps the end of the buffer that is about to go. */
static void keep_tail(struct tar_reader *r)
{
	if (r->n >= TAIL_BYTES) {
		memcpy(r->tail, r->data + r->n - TAIL_BYTES, TAIL_BYTES);
		r->tail_n = TAIL_BYTES;
	} else if (r->n) {
		size_t keep = r->tail_n < TAIL_BYTES - r->n ? r->tail_n : TAIL_BYTES - r->n;
		memmove(r->tail, r->tail + r->tail_n - keep, keep);
		memcpy(r->tail + keep, r->data, r->n);
		r->tail_n = keep + r->n;
	}
}

static la_ssize_t give(struct archive *a, void *arg, const void **ret)
{
	struct tar_reader *r = arg;

	keep_tail(r);
	r->n = 0;
	if (unpack_stream_next(r->stream, &r->data, &r->n, r->e) < 0) {
		archive_set_error(a, EIO, "read error");
		return ARCHIVE_FATAL;
	}
	r->stream_end = r->n == 0;
	r->total += r->n;
	*ret = r->data;
	return (la_ssize_t)r->n;
}

/* A block of the stream at offset at, from what is still in memory; false if that is no longer there. */
static bool look_back(const struct tar_reader *r, uint64_t at, uint8_t out[static BLOCK])
{
	uint64_t begin = r->total - r->n, first = begin - r->tail_n;

	if (at < first || at > r->total || r->total - at < BLOCK)
		return false;
	for (size_t i = 0; i < BLOCK; i++, at++)
		out[i] = at < begin ? r->tail[at - first] : r->data[at - begin];
	return true;
}

/* libarchive 3.8 forgets the header's permissions when an ACL came before it in a pax header: a default ACL leaves mode 0, an access ACL
 * loses setuid. So the mode is looked up in the header itself, behind those of types x, g, L and K. */
static void mend_mode(struct tar_reader *r, struct archive_entry *from)
{
	uint64_t at = (uint64_t)archive_read_header_position(r->a);
	uint8_t head[BLOCK];
	char field[13] = { 0 };

	if (!(archive_entry_acl_types(from) & ARCHIVE_ENTRY_ACL_TYPE_POSIX1E))
		return;
	while (look_back(r, at, head)) {
		if (!strchr("xgLK", head[156]) || !head[156]) {
			memcpy(field, head + 100, 8);
			r->entry.mode = (r->entry.mode & S_IFMT) | ((uint32_t)strtoul(field, NULL, 8) & 07777);
			return;
		}
		memcpy(field, head + 124, 12);
		at += BLOCK + ((strtoull(field, NULL, 8) + BLOCK - 1) & ~(uint64_t)(BLOCK - 1));
	}
}

static int fail(struct tar_reader *r, const char *what, struct err *e)
{
	const char *why = archive_error_string(r->a);

	if (e->code) /* the stream's, more exact */
		return -1;
	if (why && strstr(why, "Unrecognized archive format")) {
		err_set(e, ERR_INVALID, "this is not a tar archive");
		return err_hint(e, "tar, plain or compressed by gzip, xz, zstd, lz4 or bzip2, is read");
	}
	return err_set(e, ERR_CORRUPT, "%s: %s", what, why ? why : "the archive is damaged");
}

int tar_open(const struct unpack_source *from, struct tar_reader **ret, struct err *e)
{
	AUTO(tar_free) struct tar_reader *r = NEW(struct tar_reader);

	r->e = e;
	r->tail = mem_new(TAIL_BYTES);
	r->a = archive_read_new();
	if (!r->a || archive_read_support_format_tar(r->a) != ARCHIVE_OK)
		return err_set(e, ERR_INTERNAL, "libarchive cannot start");
	if (unpack_stream_open(from, &r->stream, e) < 0)
		return -1;
	if (archive_read_open(r->a, r, NULL, give, NULL) != ARCHIVE_OK)
		return fail(r, "read the archive", e);
	*ret = TAKE_PTR(r);
	return 0;
}

/* What is behind the end mark is read too: a compressor's checksum is at the very end. */
static MUST int finish(struct tar_reader *r, struct err *e)
{
	static const uint8_t zero[BLOCK];
	uint8_t last[BLOCK];
	const uint8_t *data;
	size_t n = 1;

	/* POSIX: two blocks of zeros. Without any, the last thing that libarchive saw was an entry, and more may have followed. */
	if (r->stream_end && (r->total < BLOCK || !look_back(r, r->total - BLOCK, last) || memcmp(last, zero, BLOCK)))
		return err_set(e, ERR_CORRUPT, "the archive stops without an end mark: it is truncated");
	while (n && !r->stream_end)
		if (unpack_stream_next(r->stream, &data, &n, e) < 0)
			return -1;
	return 0;
}

static int by_tag_and_id(const void *a, const void *b)
{
	const struct acl_entry *x = a, *y = b;

	if (x->tag != y->tag)
		return x->tag < y->tag ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static uint16_t acl_tag(int tag)
{
	switch (tag) {
	case ARCHIVE_ENTRY_ACL_USER_OBJ:
		return 0x01;
	case ARCHIVE_ENTRY_ACL_USER:
		return 0x02;
	case ARCHIVE_ENTRY_ACL_GROUP_OBJ:
		return 0x04;
	case ARCHIVE_ENTRY_ACL_GROUP:
		return 0x08;
	case ARCHIVE_ENTRY_ACL_MASK:
		return 0x10;
	case ARCHIVE_ENTRY_ACL_OTHER:
		return 0x20;
	default:
		return 0;
	}
}

/* One ACL of an entry as Linux's attribute; nothing when it has none or not only numbers. */
static void add_acl(struct tar_reader *r, struct archive_entry *from, int type, const char *name, void **store)
{
	int count = archive_entry_acl_reset(from, type), got_type, perm, tag, id;
	struct acl_entry entries[ACL_ENTRIES_MAX];
	const char *who;
	size_t n = 0;

	if (count <= 0 || r->entry.n_xattrs == TAR_XATTRS_MAX)
		return;
	while (archive_entry_acl_next(from, type, &got_type, &perm, &tag, &id, &who) == ARCHIVE_OK) {
		bool named = tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP;
		if (n == ACL_ENTRIES_MAX || !acl_tag(tag) || (named && id < 0)) {
			r->entry.acl_lost = true;
			return;
		}
		entries[n++] = (struct acl_entry){ acl_tag(tag), (uint16_t)(perm & 7), named ? (uint32_t)id : UINT32_MAX };
	}
	if (n < 3) /* owner, group and other are the least */
		return;
	qsort(entries, n, sizeof(entries[0]), by_tag_and_id);
	size_t bytes = sizeof(struct acl_head) + n * sizeof(entries[0]);
	free(*store);
	*store = mem_new(bytes);
	memcpy(*store, &(struct acl_head){ ACL_XATTR_VERSION }, sizeof(struct acl_head));
	memcpy((uint8_t *)*store + sizeof(struct acl_head), entries, n * sizeof(entries[0]));
	r->xattrs[r->entry.n_xattrs++] = (struct tar_xattr){ name, *store, bytes };
}

static MUST int fill_xattrs(struct tar_reader *r, struct archive_entry *from, struct err *e)
{
	struct tar_entry *t = &r->entry;
	const char *name;
	const void *value;
	size_t n;

	t->xattrs = r->xattrs;
	t->n_xattrs = 0;
	archive_entry_xattr_reset(from);
	while (archive_entry_xattr_next(from, &name, &value, &n) == ARCHIVE_OK) {
		if (t->n_xattrs == TAR_XATTRS_MAX || n > TAR_XATTR_BYTES_MAX)
			return err_set(e, ERR_INVALID, "'%.200s' has more or larger attributes than any file system keeps", t->path);
		r->xattrs[t->n_xattrs++] = (struct tar_xattr){ name, value, n };
	}
	add_acl(r, from, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, "system.posix_acl_access", &r->acls[0]);
	add_acl(r, from, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, "system.posix_acl_default", &r->acls[1]);
	return 0;
}

static void fill_times(struct tar_entry *t, struct archive_entry *from)
{
	t->mtime_s = t->atime_s = t->ctime_s = archive_entry_mtime(from);
	t->mtime_ns = t->atime_ns = t->ctime_ns = (uint32_t)archive_entry_mtime_nsec(from);
	if (archive_entry_atime_is_set(from)) {
		t->atime_s = archive_entry_atime(from);
		t->atime_ns = (uint32_t)archive_entry_atime_nsec(from);
	}
	if (archive_entry_ctime_is_set(from)) {
		t->ctime_s = archive_entry_ctime(from);
		t->ctime_ns = (uint32_t)archive_entry_ctime_nsec(from);
	}
}

static MUST int fill(struct tar_reader *r, struct archive_entry *from, struct err *e)
{
	struct tar_entry *t = &r->entry;

	*t = (struct tar_entry){
		.path = archive_entry_pathname(from),
		.hard_link = archive_entry_hardlink(from),
		.mode = archive_entry_mode(from),
		.uid = archive_entry_uid(from),
		.gid = archive_entry_gid(from),
	};
	mend_mode(r, from);
	if (!t->path)
		return err_set(e, ERR_CORRUPT, "an entry has a name that cannot be read");
	if (t->hard_link)
		return 0;
	if (S_ISLNK(t->mode)) {
		t->symlink = archive_entry_symlink(from);
		if (!t->symlink)
			return err_set(e, ERR_CORRUPT, "symlink '%.200s' has a target that cannot be read", t->path);
	}
	if (S_ISREG(t->mode)) {
		if (archive_entry_size(from) < 0)
			return err_set(e, ERR_CORRUPT, "'%.200s' has a negative size", t->path);
		t->size = (uint64_t)archive_entry_size(from);
	}
	if (S_ISCHR(t->mode) || S_ISBLK(t->mode)) {
		t->major = (uint32_t)archive_entry_rdevmajor(from);
		t->minor = (uint32_t)archive_entry_rdevminor(from);
	}
	fill_times(t, from);
	return fill_xattrs(r, from, e);
}

int tar_next(struct tar_reader *r, const struct tar_entry **ret, struct err *e)
{
	struct archive_entry *from;
	int status;

	r->e = e;
	do
		status = archive_read_next_header(r->a, &from);
	while (status == ARCHIVE_RETRY);
	if (status == ARCHIVE_EOF) {
		*ret = NULL;
		return finish(r, e);
	}
	if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
		return fail(r, "read the archive", e);
	if (fill(r, from, e) < 0)
		return -1;
	*ret = &r->entry;
	return 0;
}

int tar_data(struct tar_reader *r, const uint8_t **ret, size_t *ret_n, uint64_t *ret_offset, struct err *e)
{
	const void *data;
	la_int64_t offset;
	size_t n;
	int status;

	r->e = e;
	status = archive_read_data_block(r->a, &data, &n, &offset);
	if (status == ARCHIVE_EOF) {
		*ret_n = 0;
		return 0;
	}
	if (status != ARCHIVE_OK || offset < 0) {
		fail(r, "damaged", e);
		return err_wrap(e, "read '%.100s'", r->entry.path);
	}
	*ret = data;
	*ret_n = n;
	*ret_offset = (uint64_t)offset;
	return 0;
}

uint64_t tar_consumed(const struct tar_reader *r)
{
	return unpack_stream_consumed(r->stream);
}

void tar_free(struct tar_reader *r)
{
	if (!r)
		return;
	if (r->a)
		archive_read_free(r->a);
	unpack_stream_free(r->stream);
	free(r->tail);
	free(r->acls[0]);
	free(r->acls[1]);
	free(r);
}
