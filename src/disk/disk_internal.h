/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Shared inside src/disk: the store's format for those who write it, maps of chunks, and edits that are whole or not at all. */

#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"
#include "disk/store.h"

enum { STORE_PAIR_BYTES = 16, STORE_SECTOR = 512, STORE_CHUNK_SECTORS = 8 /* of a store that we begin, as of one that a guest begins */ };

/* disk_store_check that hands each pair to fn, in the table's order. What it has handed over counts only when it ends well. */
typedef void (*store_pair_fn)(void *arg, uint64_t from, uint64_t to);
MUST int store_walk(int fd, uint64_t root_bytes, struct disk_store *ret, store_pair_fn fn, void *arg, struct err *e);
/* The valid header into a zeroed chunk 0. */
void store_put_header(uint8_t *chunk, uint32_t chunk_bytes);
/* The pair with number i of an area. */
void store_put_pair(uint8_t *area, uint64_t i, uint64_t from, uint64_t to);

/* From chunk numbers to numbers of 32 bits, 0 for none; costs memory only near what has been set. */
struct chunk_map {
	uint32_t **pages;
	uint64_t n_pages;
};
/* For chunks below n; a later chunk is the caller's mistake. */
void chunk_map_init(struct chunk_map *m, uint64_t n);
void chunk_map_done(struct chunk_map *m);
uint32_t chunk_map_get(const struct chunk_map *m, uint64_t chunk);
void chunk_map_set(struct chunk_map *m, uint64_t chunk, uint32_t to);

/* Chunks that are to go into a store all together: kept in a file beside it ("STORE.edit") until they are complete on disk, then copied to
 * their places. Whoever opens the store next finishes what was complete and forgets what was not. */
struct disk_edit;
/* Makes the file. There is none: disk_edit_finish has been called. store is copied. */
MUST int disk_edit_new(const char *store, uint32_t chunk_bytes, struct disk_edit **ret, struct err *e);
/* Forgets an edit that was not committed, file and all. NULL is fine. */
void disk_edit_free(struct disk_edit *d);
AUTO_DEFINE(struct disk_edit, disk_edit_free);
/* Appends a chunk that will go to chunk `to` of the store. Its slot is the number of those before it. */
MUST int disk_edit_add(struct disk_edit *d, uint64_t to, const void *chunk, struct err *e);
/* n bytes at `at` within the chunk of a slot. */
MUST int disk_edit_read(const struct disk_edit *d, uint64_t slot, void *buf, size_t n, uint64_t at, struct err *e);
MUST int disk_edit_write(struct disk_edit *d, uint64_t slot, const void *buf, size_t n, uint64_t at, struct err *e);
/* From here on what is added is tables and, last, the header: all before is on disk when the first of them is written. */
void disk_edit_tables(struct disk_edit *d);
/* Writes all to the store, in the order of adding, and removes the file. Once it is complete on disk a failure comes too late to undo:
 * disk_edit_finish tries again. d is gone in either case. */
MUST int disk_edit_commit(struct disk_edit *d, int store_fd, struct err *e);
/* Deals with an edit that was cut off: nothing, copies a complete one to its places, or forgets it. */
MUST int disk_edit_finish(const char *store, struct err *e);
