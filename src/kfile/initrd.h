/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The initrd as a newc cpio archive (Documentation/driver-api/early-userspace/buffer-format.rst). Uncompressed: the kernel unpacks it at
 * memory's speed, and a host makes it in the time of a copy. The same input gives the same bytes.
 *
 * An initrd is a head (the binary as /init, folders, first device nodes) and a tail (modules and their order); the tail belongs to a kernel,
 * the head to a build of banger, and one put behind the other is the archive. */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define INITRD_MODULES "modules"     /* the folder of modules */
#define INITRD_ORDER "modules/order" /* their file names below it, one a line, in the order of loading */

/* Appends one entry; mode with S_IFMT; data for regular files, the numbers for devices. */
void kfile_initrd_add(struct str *out, const char *path, uint32_t mode, const void *data, size_t n, unsigned major, unsigned minor);
/* Appends the entry that ends an archive. */
void kfile_initrd_end(struct str *out);
/* Writes the head to out_fd, binary_fd from its start as /init. */
MUST int kfile_initrd_write_head(int out_fd, int binary_fd, struct err *e);
