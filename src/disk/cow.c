/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "disk/cow.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "disk/disk_internal.h"

struct disk_cow {
	char *store;
	int image_fd, store_fd;
	uint64_t bytes, image_bytes, store_bytes;
	bool writable;
	uint32_t chunk_bytes;
	struct disk_store on_disk;
	uint64_t next_free;       /* chunk of the store */
	struct chunk_map kept;    /* chunk of the root: its chunk in the store */
	struct chunk_map edited;  /* chunk of the root: its slot in the edit, plus 1 */
	struct disk_edit *edit;   /* NULL until the first write */
	uint64_t slots;
	uint64_t *added, n_added; /* chunks of the root that the tables do not have yet */
};

/* What lies in one chunk, of a read or write that may span several. */
struct part {
	uint64_t chunk, at; /* at: within the chunk */
	size_t n;
};

static uint64_t pairs_of_area(const struct disk_cow *c)
{
	return c->chunk_bytes / STORE_PAIR_BYTES;
}

static uint64_t area_chunk(const struct disk_cow *c, uint64_t area)
{
	return 1 + area * (pairs_of_area(c) + 1);
}

static void forget(struct disk_cow *c)
{
	disk_edit_free(TAKE_PTR(c->edit));
	chunk_map_done(&c->kept);
	chunk_map_done(&c->edited);
	free(TAKE_PTR(c->added));
	c->n_added = c->slots = 0;
}

void disk_cow_free(struct disk_cow *c)
{
	if (!c)
		return;
	forget(c);
	if (c->image_fd >= 0)
		close(c->image_fd);
	if (c->store_fd >= 0)
		close(c->store_fd);
	free(c->store);
	free(c);
}

static void keep(void *arg, uint64_t from, uint64_t to)
{
	struct disk_cow *c = arg;

	chunk_map_set(&c->kept, from, (uint32_t)to);
	if (to >= c->next_free)
		c->next_free = to + 1;
}

static MUST int load(struct disk_cow *c, struct err *e)
{
	struct stat st;

	if (disk_edit_finish(c->store, e) < 0)
		return -1;
	if (fstat(c->store_fd, &st) < 0)
		return err_sys(e, errno, "look at it");
	c->store_bytes = (uint64_t)st.st_size;
	/* of what the map is for, the walk has a bound only once it knows the header: this is the smallest chunk there can be */
	chunk_map_init(&c->kept, c->bytes / (STORE_CHUNK_SECTORS * STORE_SECTOR) + 1);
	c->next_free = 2;
	if (store_walk(c->store_fd, c->bytes, &c->on_disk, keep, c, e) < 0)
		return -1;
	c->chunk_bytes = c->on_disk.fresh ? STORE_CHUNK_SECTORS * STORE_SECTOR : c->on_disk.chunk_bytes;
	chunk_map_init(&c->edited, c->bytes / c->chunk_bytes + 1);
	if (c->writable && !c->on_disk.fresh && !c->on_disk.valid)
		return err_set(e, ERR_STATE, "a write to it has failed, and it has not been checked since");
	return 0;
}

static MUST int open_files(struct disk_cow *c, const char *image, uint64_t root_bytes, struct err *e)
{
	struct stat st;

	c->image_fd = open(image, O_RDONLY | O_CLOEXEC);
	if (c->image_fd < 0 || fstat(c->image_fd, &st) < 0)
		return err_sys(e, errno, "open '%s'", image);
	c->image_bytes = (uint64_t)st.st_size / STORE_SECTOR * STORE_SECTOR; /* as a VMM rounds */
	c->bytes = root_bytes > c->image_bytes ? root_bytes : c->image_bytes;
	c->store_fd = open(c->store, (c->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW);
	return c->store_fd < 0 ? err_sys(e, errno, "open '%s'", c->store) : 0;
}

int disk_cow_open(const char *image, const char *store, uint64_t root_bytes, bool writable, struct disk_cow **ret, struct err *e)
{
	AUTO(disk_cow_free) struct disk_cow *c = NEW(struct disk_cow);

	*c = (struct disk_cow){ .store = mem_strdup(store), .image_fd = -1, .store_fd = -1, .writable = writable };
	if (open_files(c, image, root_bytes, e) < 0)
		return -1;
	if (load(c, e) < 0)
		return err_wrap(e, "store '%s'", store);
	*ret = TAKE_PTR(c);
	return 0;
}

int disk_cow_reload(struct disk_cow *c, struct err *e)
{
	assert(!c->edit);
	forget(c);
	return load(c, e) < 0 ? err_wrap(e, "store '%s'", c->store) : 0;
}

uint64_t disk_cow_bytes(const struct disk_cow *c)
{
	return c->bytes;
}

const char *disk_cow_name(const struct disk_cow *c)
{
	return c->store;
}

bool disk_cow_writable(const struct disk_cow *c)
{
	return c->writable;
}

static MUST int check_range(const struct disk_cow *c, size_t n, uint64_t at, struct err *e)
{
	if (at <= c->bytes && n <= c->bytes - at)
		return 0;
	return err_set(e, ERR_INVALID, "%zu bytes at %llu are not in a root of %llu", n, (unsigned long long)at, (unsigned long long)c->bytes);
}

static struct part part_at(const struct disk_cow *c, uint64_t at, size_t left)
{
	struct part p = { .chunk = at / c->chunk_bytes, .at = at % c->chunk_bytes };

	p.n = left < c->chunk_bytes - p.at ? left : (size_t)(c->chunk_bytes - p.at);
	return p;
}

static MUST int read_image(const struct disk_cow *c, uint8_t *buf, size_t n, uint64_t at, struct err *e)
{
	size_t there = at >= c->image_bytes ? 0 : n < c->image_bytes - at ? n : (size_t)(c->image_bytes - at);

	memset(buf + there, 0, n - there);
	return there ? fd_pread_all(c->image_fd, buf, there, (off_t)at, e) : 0;
}

static MUST int read_part(const struct disk_cow *c, const struct part *p, uint8_t *buf, struct err *e)
{
	uint32_t slot = chunk_map_get(&c->edited, p->chunk), in_store = chunk_map_get(&c->kept, p->chunk);

	if (slot)
		return disk_edit_read(c->edit, slot - 1, buf, p->n, p->at, e);
	if (in_store)
		return fd_pread_all(c->store_fd, buf, p->n, (off_t)((uint64_t)in_store * c->chunk_bytes + p->at), e);
	return read_image(c, buf, p->n, p->chunk * c->chunk_bytes + p->at, e);
}

int disk_cow_read(struct disk_cow *c, void *buf, size_t n, uint64_t at, struct err *e)
{
	uint8_t *to = buf;

	if (check_range(c, n, at, e) < 0)
		return -1;
	while (n) {
		struct part p = part_at(c, at, n);

		if (read_part(c, &p, to, e) < 0)
			return err_wrap(e, "read root of store '%s'", c->store);
		at += p.n;
		to += p.n;
		n -= p.n;
	}
	return 0;
}

/* The store's next chunk that is no table. */
static MUST int take_free(struct disk_cow *c, uint64_t *ret, struct err *e)
{
	uint64_t chunk = c->next_free;

	if ((chunk - 1) % (pairs_of_area(c) + 1) == 0)
		chunk++;
	if (chunk >= c->store_bytes / c->chunk_bytes || chunk >= UINT32_MAX)
		return err_sys(e, ENOSPC, "it is full");
	c->next_free = chunk + 1;
	*ret = chunk;
	return 0;
}

/* The chunk's first change: from here on it has a slot, and a place in the store if it had none. */
static MUST int begin_chunk(struct disk_cow *c, const struct part *p, const uint8_t *buf, struct err *e)
{
	AUTO_MEM uint8_t *chunk = mem_new(c->chunk_bytes);
	uint64_t to = chunk_map_get(&c->kept, p->chunk);
	struct part whole = { .chunk = p->chunk, .n = c->chunk_bytes };

	if (p->n < c->chunk_bytes && read_part(c, &whole, chunk, e) < 0)
		return -1;
	memcpy(chunk + p->at, buf, p->n);
	if (!c->edit && disk_edit_new(c->store, c->chunk_bytes, &c->edit, e) < 0)
		return -1;
	bool known = to != 0;
	if ((!known && take_free(c, &to, e) < 0) || disk_edit_add(c->edit, to, chunk, e) < 0)
		return -1;
	chunk_map_set(&c->edited, p->chunk, (uint32_t)++c->slots);
	if (known)
		return 0;
	chunk_map_set(&c->kept, p->chunk, (uint32_t)to);
	c->added = mem_grow(c->added, c->n_added, sizeof(*c->added));
	c->added[c->n_added++] = p->chunk;
	return 0;
}

int disk_cow_write(struct disk_cow *c, const void *buf, size_t n, uint64_t at, struct err *e)
{
	const uint8_t *from = buf;

	assert(c->writable);
	if (check_range(c, n, at, e) < 0)
		return -1;
	while (n) {
		struct part p = part_at(c, at, n);
		uint32_t slot = chunk_map_get(&c->edited, p.chunk);

		if (slot ? disk_edit_write(c->edit, slot - 1, from, p.n, p.at, e) < 0 : begin_chunk(c, &p, from, e) < 0)
			return err_wrap(e, "write root of store '%s'", c->store);
		at += p.n;
		from += p.n;
		n -= p.n;
	}
	return 0;
}

/* One area with the pairs that are new in it. The one that was begun keeps what it has. */
static MUST int add_area(struct disk_cow *c, uint64_t area, struct err *e)
{
	AUTO_MEM uint8_t *chunk = mem_new(c->chunk_bytes);
	uint64_t first = area * pairs_of_area(c), at = area_chunk(c, area);

	if (at >= c->store_bytes / c->chunk_bytes)
		return err_sys(e, ENOSPC, "it is full");
	if (c->on_disk.pairs > first && fd_pread_all(c->store_fd, chunk, c->chunk_bytes, (off_t)(at * c->chunk_bytes), e) < 0)
		return -1;
	for (uint64_t i = 0; i < pairs_of_area(c); i++) {
		uint64_t n = first + i - c->on_disk.pairs; /* of the new ones; far too large for old ones */

		if (first + i >= c->on_disk.pairs && n < c->n_added)
			store_put_pair(chunk, i, c->added[n], chunk_map_get(&c->kept, c->added[n]));
	}
	return disk_edit_add(c->edit, at, chunk, e);
}

/* The last area first: a table that ends before it is as good as one without it. A full area needs another, empty one behind it. */
static MUST int add_tables(struct disk_cow *c, struct err *e)
{
	uint64_t first = c->on_disk.pairs / pairs_of_area(c), last = (c->on_disk.pairs + c->n_added) / pairs_of_area(c);

	disk_edit_tables(c->edit);
	for (uint64_t area = last + 1; area > first; area--)
		if (add_area(c, area - 1, e) < 0)
			return -1;
	if (!c->on_disk.fresh)
		return 0;
	AUTO_MEM uint8_t *chunk = mem_new(c->chunk_bytes);
	store_put_header(chunk, c->chunk_bytes);
	return disk_edit_add(c->edit, 0, chunk, e);
}

/* Once the edit is complete, the store must have room for it. */
static MUST int reserve(const struct disk_cow *c, struct err *e)
{
	uint64_t last = area_chunk(c, (c->on_disk.pairs + c->n_added) / pairs_of_area(c)) + 1;
	uint64_t first = c->on_disk.fresh ? 0 : chunk_map_get(&c->kept, c->added[0]);
	off_t at = (off_t)(first * c->chunk_bytes), n = (off_t)((last > c->next_free ? last : c->next_free) * c->chunk_bytes) - at;

	if (fallocate(c->store_fd, FALLOC_FL_KEEP_SIZE, at, n) == 0 || errno == EOPNOTSUPP)
		return 0;
	err_sys(e, errno, "make room for %lld bytes", (long long)n);
	/* Nothing of value is there. A full disk gets back what it gave; where that fails it stays for the store's next chunks. */
	(void)fallocate(c->store_fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, at, n);
	return -1;
}

int disk_cow_commit(struct disk_cow *c, struct err *e)
{
	if (!c->edit)
		return 0;
	if ((c->n_added && (add_tables(c, e) < 0 || reserve(c, e) < 0)) || disk_edit_commit(TAKE_PTR(c->edit), c->store_fd, e) < 0)
		return err_wrap(e, "write store '%s'", c->store);
	return disk_cow_reload(c, e);
}
