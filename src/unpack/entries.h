/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The entries of a tar archive that lies somewhere inside a file, one after the other; gzip, xz, zstd, lz4 and bzip2 are seen through. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"

#define UNPACK_PATH_MAX 4096

struct entries;

struct entry {
	const char *path; /* as it stands in the archive; lent until the next entry */
	const char *link; /* target of a symbolic or hard link, else NULL */
	uint32_t mode;    /* with S_IFMT */
	bool hardlink;
	int64_t mtime_s;
	uint64_t size;
};

/* Reads the n bytes of fd from offset on, with pread; fd stays the caller's and must stay open. */
MUST int unpack_entries_open(int fd, uint64_t offset, uint64_t n, struct entries **ret, struct err *e);
/* Moves to the next entry; *ret_more is false behind the last one. ERR_CORRUPT when the archive is damaged or cut. */
MUST int unpack_entries_next(struct entries *x, struct entry *ret, bool *ret_more, struct err *e);
/* The contents of the entry just given; larger than max is ERR_INVALID. Caller frees. At most once for each. */
MUST int unpack_entries_read(struct entries *x, size_t max, void **ret, size_t *ret_n, struct err *e);
/* Bytes of the n taken so far, for progress. */
uint64_t unpack_entries_taken(const struct entries *x);
void unpack_entries_free(struct entries *x);
AUTO_DEFINE(struct entries, unpack_entries_free);
