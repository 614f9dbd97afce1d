/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The disk at a guest's /root: made in-process, seeded from the image's /root, kept for the VM's life. */

#include <stdint.h>

#include "base/err.h"

/* Makes path, an ext4 image of so many bytes whose root folder is the /root of image, owner, modes and all; the root's own owner is root,
 * its mode 0700 where the image has no /root. Nothing is left at path on failure. */
MUST int workdisk_make(const char *path, uint64_t bytes, const char *image, struct err *e);
