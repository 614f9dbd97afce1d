/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* dm-snapshot's persistent store as the guest's kernel writes it (drivers/md/dm-snap-persistent.c), read without that kernel. All numbers are
 * little-endian. Chunk 0 begins with the header: magic "SnAp", valid, version, sectors of a chunk, 32 bits each. Then come areas: a chunk of
 * pairs (chunk of the root, chunk of the store, 64 bits each), and behind it the chunks for its pairs. A pair with store chunk 0 ends the
 * table; pairs are only ever added at the end. The guest may write anything here: nothing is believed. */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct disk_store {
	bool fresh;           /* never joined: the rest is 0 */
	bool valid;           /* false: a write to it has failed, and its kernel did not take it any more */
	uint32_t chunk_bytes;
	uint64_t pairs;       /* chunks of the root that are kept here */
};

/* Reads header and tables of a store for a root of so many bytes. ERR_CORRUPT for what no kernel writes: another header, a table that is torn,
 * pairs outside of root or store, chunks named twice. */
MUST int disk_store_check(int fd, uint64_t root_bytes, struct disk_store *ret, struct err *e);
/* What a store needs before a guest may have it. Finishes an edit of it that was cut off (disk/cow.h). Sets the valid flag of the store at path
 * again when a failed write has cleared it and its tables are whole, as they are on disk; *ret_healed says so. A store that is valid or fresh costs one read.
 * ERR_CORRUPT as above, the file then is as before. */
MUST int disk_store_heal(const char *path, uint64_t root_bytes, bool *ret_healed, struct err *e);
/* Whether the kernel that has the store at path has given it up; false when that cannot be told. Also while it is in use. */
bool disk_store_failed(const char *path);
