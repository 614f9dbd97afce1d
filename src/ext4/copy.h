/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Subtrees from one image into a fresh one: how a VM's work disk gets the content of its image's /root. */

#include <stdint.h>

#include "base/err.h"
#include "ext4/build.h"
#include "ext4/tree.h"

/* Adds the folder from_path of the image (followed if it is a symlink), with all below it, to the builder as the folder to_path, "/" for
 * the root itself. Owners, modes, attributes, hard links within the subtree, holes and times to the nanosecond stay, of the folder
 * itself too; a lost+found right below it is left out. ERR_NOT_FOUND when from_path is missing, ERR_INVALID when it is no folder. */
MUST int ext4_copy_tree(struct ext4 *from, const char *from_path, struct ext4_build *b, const char *to_path, struct err *e);
/* Sums up what a copy needs, for ext4_size_for: content in whole blocks, and the number of files. */
MUST int ext4_measure_tree(struct ext4 *from, const char *path, uint64_t *ret_bytes, uint64_t *ret_inodes, struct err *e);
