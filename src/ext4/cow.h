/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A stopped VM's root, joined from image and store, as an image: what ext4/fs.h and ext4/tree.h do with a file. Nothing is in the store before
 * the one commit at the end of an edit or a replay, so each of them is whole or not at all, whatever happens to process or host. */

#include <stdbool.h>

#include "base/err.h"
#include "disk/cow.h"
#include "ext4/fs.h"
#include "ext4/tree.h"

/* As ext4_open. c is borrowed until ext4_close, which commits what was changed; after ext4_free the changes go with disk_cow_free. */
MUST int ext4_cow_open(struct disk_cow *c, bool writable, struct ext4 **ret, struct err *e);
/* As ext4_info; what the guest's own growing at the next start will add is not in it. */
MUST int ext4_cow_info(struct disk_cow *c, struct ext4_info *ret, struct err *e);
/* As ext4_check. */
MUST int ext4_cow_check(struct disk_cow *c, enum ext4_health *ret, char **ret_first, struct err *e);
/* As ext4_replay; c is open for writing and has no changes that were not committed. */
MUST int ext4_cow_replay(struct disk_cow *c, struct err *e);
