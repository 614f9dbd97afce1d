/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Root file systems into images: one ext4 file, agent and units injected, nothing of it trusted. */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* What is found out about an image. */
struct image_facts {
	uint64_t used_bytes, size_bytes; /* of the root file system */
	bool has_init;                   /* /sbin/init, or systemd */
	char *os;                        /* PRETTY_NAME of its os-release, or NULL */
};
void image_facts_done(struct image_facts *f);

/* stage: "reading", ...; done of total bytes, 0 and 0 where there is no measure. */
typedef void (*image_progress_fn)(void *arg, const char *stage, uint64_t done, uint64_t total);

/* Makes path, a root file system of at least bytes (0: IMAGE_DEFAULT_BYTES), from the tar in fd (plain, gzip, xz, zstd, lz4, bzip2). Synced.
 * ERR_CORRUPT and ERR_INVALID name the entry. The caller removes path on failure. */
#define IMAGE_DEFAULT_BYTES (UINT64_C(8) << 30)
MUST int image_import_tar(int fd, const char *path, uint64_t bytes, image_progress_fn progress, void *arg, struct image_facts *ret, struct err *e);
/* Copies the ext4 image in fd, replays its journal, checks it, and grows it to bytes if that is more. */
MUST int image_import_ext4(int fd, const char *path, uint64_t bytes, image_progress_fn progress, void *arg, struct image_facts *ret, struct err *e);
