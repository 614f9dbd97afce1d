/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* How a VM's root is kept apart from the image it came from. */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum disk_backend {
	DISK_SNAPSHOT, /* an empty store beside the image; the guest joins them by dm-snapshot */
	DISK_REFLINK,  /* a clone that shares the image's blocks (FICLONE) */
	DISK_COPY,     /* a copy without its holes */
};

/* The file name of a VM's root: "root.store" or "root.ext4". Static text. */
const char *disk_root_name(enum disk_backend b);
/* Makes path from image for a root of so many bytes. Nothing is left at path on failure. ERR_UNAVAILABLE when the file system cannot
 * clone; ERR_CANCELLED when the process is. */
MUST int disk_root_make(enum disk_backend b, const char *image, const char *path, uint64_t bytes, struct err *e);
/* Lets a store take the changes of a root of so many bytes. */
MUST int disk_store_grow(const char *path, uint64_t bytes, struct err *e);
/* Whether files in that folder can be cloned, found out with two files of one block. */
bool disk_can_reflink(const char *dir);
