/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What banger puts into an image, once, at import: its binary as the agent, what makes the image's init start it, sshd's rules, and an
 * fstab without the disks of another machine. */

#include "base/err.h"

struct ext4;

/* Puts everything in that the image has a use for. Repeatable: an older banger's files are replaced. */
MUST int image_inject(struct ext4 *x, struct err *e);

/* The text of an fstab(5) with the lines that name disks turned into comments: none of those exists in a VM, and each would hold up its
 * boot. NULL when there are none. Caller frees. */
char *image_fstab_text(const char *old);
