/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A root of image and store in the scratch folder, for the tests of ext4/cow: a.img of 16 MiB made by mke2fs -d, a.store, a root of 24 MiB. */

#include "ext4/cow.h"
#include "image.h"

#define JOINED_BYTES (UINT64_C(24) << 20)

/* With /etc/passwd ("old"), /etc/gone ("gone"), a folder /many of 200 files, a store that no kernel has begun. */
void joined_make(void **state);
struct disk_cow *joined_open(void **state, bool writable);
/* merged.img is what a guest would see, by merge_store.py; it is clean. */
void joined_merge(void **state);
/* What debugfs finds in a file of merged.img; caller frees. */
char *joined_cat(void **state, const char *path);
