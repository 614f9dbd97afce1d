/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Reads tar archives (POSIX ustar and pax, GNU with its sparse kinds, old ones), compressed or not, entry by entry. Only tar: no other
 * format is recognised. Names are the archive's own and are to be judged by the caller. setlocale(LC_CTYPE, "C.UTF-8") must have been
 * called, or names that are not ASCII are refused. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"
#include "unpack/stream.h"

#define TAR_XATTRS_MAX 256                /* of one entry; ext4 holds fewer */
#define TAR_XATTR_BYTES_MAX ((size_t)64 << 10) /* XATTR_SIZE_MAX of Linux */

struct tar_xattr {
	const char *name;
	const void *value;
	size_t n;
};

/* One entry; everything in it is borrowed until the next call. */
struct tar_entry {
	const char *path;
	const char *hard_link; /* name of an earlier entry that this is another name of; then mode has no type and nothing else counts */
	const char *symlink;   /* target of a symlink */
	uint32_t mode;         /* S_IF* and permissions */
	int64_t uid, gid;      /* as they stand there; may be more than 32 bits */
	int64_t mtime_s, atime_s, ctime_s; /* atime and ctime are mtime where the archive has none */
	uint32_t mtime_ns, atime_ns, ctime_ns;
	uint64_t size; /* bytes of a regular file, holes included */
	uint32_t major, minor;
	const struct tar_xattr *xattrs; /* POSIX ACLs among them, as system.posix_acl_access and _default in Linux's form (linux/posix_acl_xattr.h) */
	size_t n_xattrs;
	bool acl_lost; /* an ACL named users or groups without their numbers; it was left out */
};

struct tar_reader;

/* Starts reading; decoding goes on in its thread from here, so open before other work. */
MUST int tar_open(const struct unpack_source *from, struct tar_reader **ret, struct err *e);
/* The next entry, *ret NULL at the end. ERR_CORRUPT for damage and for an archive that stops without its end mark, ERR_INVALID when it is
 * no tar at all, ERR_CANCELLED. */
MUST int tar_next(struct tar_reader *r, const struct tar_entry **ret, struct err *e);
/* The next data of the current entry, at ascending offsets; what is left out is holes. *ret_n 0 at its end. Valid until the next call.
 * Not reading it, or not to its end, is fine. */
MUST int tar_data(struct tar_reader *r, const uint8_t **ret, size_t *ret_n, uint64_t *ret_offset, struct err *e);
/* Bytes of the (compressed) input used up so far. */
uint64_t tar_consumed(const struct tar_reader *r);
void tar_free(struct tar_reader *r);
AUTO_DEFINE(struct tar_reader, tar_free);
