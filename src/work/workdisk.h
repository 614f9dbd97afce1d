/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The disk at a guest's /root: made in-process, seeded from the image's /root, kept for the VM's life. */

#include <stdint.h>

#include "base/err.h"

struct work_sync;

/* What a disk gets besides what the image's /root holds. */
struct workdisk_content {
	struct work_sync *sync;
	const char *git; /* text for ~/.gitconfig, or NULL; where there is one already, for ~/.config/git/config, which that overrules */
};

/* Makes path, an ext4 image of so many bytes whose root folder is the /root of image, owner, modes and all; the root's own owner is root,
 * its mode 0700 where the image has no /root. content comes on top. Nothing is left at path on failure. Not synced. */
MUST int workdisk_make(const char *path, uint64_t bytes, const char *image, const struct workdisk_content *content, struct err *e);
