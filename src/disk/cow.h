/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A stopped VM's root as one device: its image, its store, and zeros where the root is larger than the image; what the guest's kernel joins by
 * dm-snapshot. What is written becomes an edit: nothing of the store changes until disk_cow_commit, which changes all of it or, whenever it is
 * cut off, all or nothing by the next disk_cow_open or disk_store_heal. The image is never written. The guest has written the store: nothing
 * in it is believed (disk/store.h). Nobody else may use the store meanwhile. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"

struct disk_cow;

/* Opens image and store, whose paths are copied. The root has root_bytes, or the image's size if that is more. Finishes an edit that was cut
 * off, also for reading only. ERR_CORRUPT for a store that no kernel writes; ERR_STATE for writing to one whose valid flag is cleared
 * (disk_store_heal sets it again). */
MUST int disk_cow_open(const char *image, const char *store, uint64_t root_bytes, bool writable, struct disk_cow **ret, struct err *e);
/* Forgets what was not committed. NULL is fine. */
void disk_cow_free(struct disk_cow *c);
AUTO_DEFINE(struct disk_cow, disk_cow_free);
uint64_t disk_cow_bytes(const struct disk_cow *c);
/* The store's path, for messages. Borrowed. */
const char *disk_cow_name(const struct disk_cow *c);
bool disk_cow_writable(const struct disk_cow *c);
/* n bytes at `at`, all within the root (ERR_INVALID). */
MUST int disk_cow_read(struct disk_cow *c, void *buf, size_t n, uint64_t at, struct err *e);
MUST int disk_cow_write(struct disk_cow *c, const void *buf, size_t n, uint64_t at, struct err *e);
/* Makes what was written the store's, in the kernel's format, and syncs. ERR_NO_SPACE before anything is changed when the host's disk or the
 * store is full. After a failure c is only to be freed. */
MUST int disk_cow_commit(struct disk_cow *c, struct err *e);
/* Takes in what another process has committed; what was written here must have been committed before. */
MUST int disk_cow_reload(struct disk_cow *c, struct err *e);
