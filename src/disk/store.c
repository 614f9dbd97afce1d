/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "disk/store.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "disk/disk_internal.h"

enum {
	MAGIC = 0x70416e53,
	VERSION = 1,
	HEADER_BYTES = 16,
	VALID_AT = 4,
	CHUNK_SECTORS_MIN = 8,     /* what banger.chunk= of a guest may be */
	CHUNK_SECTORS_MAX = 16384,
};
/* Bounds the memory of a check: two bits for each chunk of 4 KiB. */
static const uint64_t chunks_max = UINT64_C(1) << 32;

struct look {
	int fd;
	uint64_t root_chunks, store_chunks, pairs_of_area;
	uint8_t *root_seen, *store_seen; /* one bit for each chunk */
	uint8_t *area;                   /* one chunk */
	struct disk_store *store;
	store_pair_fn fn; /* or NULL */
	void *arg;
};

static void look_done(struct look *l)
{
	free(l->root_seen);
	free(l->store_seen);
	free(l->area);
}

static uint32_t u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint64_t u64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static void put(uint8_t *at, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		at[i] = (uint8_t)(v >> 8 * i);
}

void store_put_header(uint8_t *chunk, uint32_t chunk_bytes)
{
	put(chunk, MAGIC, 4);
	put(chunk + VALID_AT, 1, 4);
	put(chunk + 8, VERSION, 4);
	put(chunk + 12, chunk_bytes / STORE_SECTOR, 4);
}

void store_put_pair(uint8_t *area, uint64_t i, uint64_t from, uint64_t to)
{
	put(area + i * STORE_PAIR_BYTES, from, 8);
	put(area + i * STORE_PAIR_BYTES + 8, to, 8);
}

/* True when it was set before. */
static bool set_bit(uint8_t *bits, uint64_t n)
{
	bool was = bits[n / 8] >> n % 8 & 1;

	bits[n / 8] |= (uint8_t)(1 << n % 8);
	return was;
}

static MUST int read_header(int fd, struct disk_store *ret, struct err *e)
{
	static const uint8_t nothing[HEADER_BYTES];
	uint8_t h[HEADER_BYTES];

	*ret = (struct disk_store){ 0 };
	if (fd_pread_all(fd, h, sizeof(h), 0, e) < 0)
		return err_wrap(e, "read its header");
	if (!memcmp(h, nothing, sizeof(h))) {
		ret->fresh = true;
		return 0;
	}
	uint32_t valid = u32(h + VALID_AT), sectors = u32(h + 12);
	if (u32(h) != MAGIC || valid > 1 || u32(h + 8) != VERSION)
		return err_set(e, ERR_CORRUPT, "it has no header of dm-snapshot");
	if (sectors < CHUNK_SECTORS_MIN || sectors > CHUNK_SECTORS_MAX || sectors & (sectors - 1))
		return err_set(e, ERR_CORRUPT, "its header says chunks of %lu sectors", (unsigned long)sectors);
	ret->valid = valid;
	ret->chunk_bytes = sectors * STORE_SECTOR;
	return 0;
}

static MUST int check_pair(struct look *l, uint64_t from, uint64_t to, struct err *e)
{
	bool is_table = to < 2 || (to - 1) % (l->pairs_of_area + 1) == 0;

	if (from >= l->root_chunks)
		return err_set(e, ERR_CORRUPT, "its table names chunk %llu of a root of %llu", (unsigned long long)from, (unsigned long long)l->root_chunks);
	if (is_table || to >= l->store_chunks)
		return err_set(e, ERR_CORRUPT, "its table says that data is in chunk %llu, where none can be", (unsigned long long)to);
	if (set_bit(l->root_seen, from) || set_bit(l->store_seen, to))
		return err_set(e, ERR_CORRUPT, "its table names chunk %llu or its place twice", (unsigned long long)from);
	return 0;
}

/* *ret_more: the area is full, so another follows. */
static MUST int check_area(struct look *l, bool *ret_more, struct err *e)
{
	bool ended = false;

	for (uint64_t i = 0; i < l->pairs_of_area; i++) {
		uint64_t from = u64(l->area + i * STORE_PAIR_BYTES), to = u64(l->area + i * STORE_PAIR_BYTES + 8);

		if (ended && (from || to))
			return err_set(e, ERR_CORRUPT, "its table is torn: it goes on behind its end, at pair %llu", (unsigned long long)l->store->pairs);
		ended |= !to;
		if (ended)
			continue;
		if (check_pair(l, from, to, e) < 0)
			return -1;
		l->store->pairs++;
		if (l->fn)
			l->fn(l->arg, from, to);
	}
	*ret_more = !ended;
	return 0;
}

static MUST int check_tables(struct look *l, struct err *e)
{
	bool more = true;

	for (uint64_t at = 1; more; at += l->pairs_of_area + 1) {
		if (at >= l->store_chunks)
			return err_set(e, ERR_CORRUPT, "its table has no end");
		if (fd_pread_all(l->fd, l->area, l->store->chunk_bytes, (int64_t)(at * l->store->chunk_bytes), e) < 0)
			return err_wrap(e, "read its table");
		if (check_area(l, &more, e) < 0)
			return -1;
	}
	return 0;
}

int store_walk(int fd, uint64_t root_bytes, struct disk_store *ret, store_pair_fn fn, void *arg, struct err *e)
{
	AUTO_DONE(look_done) struct look l = { .fd = fd, .store = ret, .fn = fn, .arg = arg };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "look at the store");
	if (read_header(fd, ret, e) < 0)
		return -1;
	if (ret->fresh)
		return 0;
	l.root_chunks = root_bytes / ret->chunk_bytes + (root_bytes % ret->chunk_bytes != 0);
	l.store_chunks = (uint64_t)st.st_size / ret->chunk_bytes;
	if (l.root_chunks > chunks_max || l.store_chunks > chunks_max)
		return err_set(e, ERR_CORRUPT, "it is too large");
	l.pairs_of_area = ret->chunk_bytes / STORE_PAIR_BYTES;
	l.root_seen = mem_array(l.root_chunks / 8 + 1, 1);
	l.store_seen = mem_array(l.store_chunks / 8 + 1, 1);
	l.area = mem_array(ret->chunk_bytes, 1);
	return check_tables(&l, e);
}

int disk_store_check(int fd, uint64_t root_bytes, struct disk_store *ret, struct err *e)
{
	return store_walk(fd, root_bytes, ret, NULL, NULL, e);
}

static MUST int heal(int fd, uint64_t root_bytes, bool *ret_healed, struct err *e)
{
	const uint32_t valid = htole32(1);
	struct disk_store s;

	*ret_healed = false;
	if (read_header(fd, &s, e) < 0)
		return -1;
	if (s.fresh || s.valid)
		return 0;
	/* What Linux could not write it keeps in memory as if it had: a check of that would take what is gone at the next power cut. The first
	 * sync may tell of those writes once more; only the second's word is about the disk as it is now. */
	if (fdatasync(fd) < 0 && fdatasync(fd) < 0)
		return err_sys(e, errno, "sync it");
	if (posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
		return err_set(e, ERR_SYSTEM, "it cannot be read anew");
	if (disk_store_check(fd, root_bytes, &s, e) < 0)
		return -1;
	if (pwrite(fd, &valid, sizeof(valid), VALID_AT) != sizeof(valid) || fdatasync(fd) < 0)
		return err_sys(e, errno, "set its valid flag");
	*ret_healed = true;
	return 0;
}

int disk_store_heal(const char *path, uint64_t root_bytes, bool *ret_healed, struct err *e)
{
	AUTO_FD int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_sys(e, errno, "open '%s'", path);
	if (disk_edit_finish(path, e) < 0)
		return -1;
	return heal(fd, root_bytes, ret_healed, e) < 0 ? err_wrap(e, "store '%s'", path) : 0;
}

bool disk_store_failed(const char *path)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct disk_store s;
	struct err ignored = { 0 };

	return fd >= 0 && read_header(fd, &s, &ignored) == 0 && !s.fresh && !s.valid;
}
