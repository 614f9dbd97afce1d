/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A kernel's .deb read where it lies (deb(5), ar(5)): nothing is unpacked to disk. */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define DEB_KERNEL_MAX ((size_t)256 << 20) /* bytes of boot/vmlinuz-* */

enum deb_part {
	DEB_KERNEL,  /* boot/vmlinuz-RELEASE; path is RELEASE */
	DEB_MODULES, /* below lib/modules/RELEASE or usr/lib/modules/RELEASE; path is what follows RELEASE/ */
};

struct deb_entry {
	enum deb_part part;
	const char *release; /* by the path in the archive, checked to be a sound one */
	const char *path;
	uint32_t mode;       /* permissions */
	int64_t mtime_s;
	const void *data;    /* the contents, lent */
	size_t n;
};

/* Takes one regular file; its error ends the reading. done of total is how much of the archive has been read. */
typedef int (*deb_fn)(void *arg, const struct deb_entry *entry, uint64_t done, uint64_t total, struct err *e);

/* Gives kernel and modules of the package in fd to fn, in the archive's order. ERR_INVALID: no .deb; ERR_CORRUPT: cut or damaged. Errors
 * name the member and, from fn, the path. The caller puts the file's name in front. */
MUST int kfile_deb_read(int fd, deb_fn fn, void *arg, struct err *e);
