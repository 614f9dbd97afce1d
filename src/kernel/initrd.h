/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The initrd of a kernel and a build of banger, made when first asked for. */

#include <stddef.h>

#include "base/err.h"

#define KERNEL_INITRD_NAME_SIZE 32

/* The file name, "initrd-" and the first half of the binary's digest, that a build's initrds have in every kernel's folder. Reads the whole
 * binary: ask once and keep it. */
MUST int kernel_initrd_name(int binary_fd, char ret[static KERNEL_INITRD_NAME_SIZE], struct err *e);
/* Sees to it that dir has the initrd of that name for the binary, and no older ones. Made in a temporary file and renamed; safe to be called
 * by several processes at once. Cheap when it is there. */
MUST int kernel_initrd(const char *dir, int binary_fd, const char *name, struct err *e);
