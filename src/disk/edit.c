/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Layout of STORE.edit, numbers little-endian: chunk 0 begins with struct head, zeros until the edit is complete; then the chunks of the
 * slots; behind them for each slot the chunk of the store it goes to, 64 bits. Only the store's owner writes it. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "disk/disk_internal.h"

enum { CHUNK_BYTES_MAX = 8 << 20 };

struct head {
	char magic[8];
	uint64_t chunk_bytes, slots, data_slots;
};
static const char magic[8] = "bgrEdit1";
_Static_assert(sizeof(struct head) == 32, "as it stands in the file");

struct disk_edit {
	char *path;
	int fd;
	uint32_t chunk_bytes;
	uint64_t *to; /* of each slot, little-endian */
	uint64_t n, n_data;
	bool tables;   /* n_data stands */
	bool complete; /* not ours to forget any more */
};

static char *edit_path(const char *store)
{
	return mem_printf("%s.edit", store);
}

void disk_edit_free(struct disk_edit *d)
{
	if (!d)
		return;
	if (d->fd >= 0)
		close(d->fd);
	if (!d->complete)
		unlink(d->path);
	free(d->path);
	free(d->to);
	free(d);
}

int disk_edit_new(const char *store, uint32_t chunk_bytes, struct disk_edit **ret, struct err *e)
{
	AUTO_MEM char *path = edit_path(store);
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_sys(e, errno, "make '%s'", path);
	*ret = NEW(struct disk_edit);
	**ret = (struct disk_edit){ .path = TAKE_PTR(path), .fd = fd, .chunk_bytes = chunk_bytes };
	return 0;
}

static off_t at_slot(const struct disk_edit *d, uint64_t slot)
{
	return (off_t)((slot + 1) * d->chunk_bytes);
}

int disk_edit_add(struct disk_edit *d, uint64_t to, const void *chunk, struct err *e)
{
	if (fd_pwrite_all(d->fd, chunk, d->chunk_bytes, at_slot(d, d->n), e) < 0)
		return err_wrap(e, "write '%s'", d->path);
	d->to = mem_grow(d->to, d->n, sizeof(*d->to));
	d->to[d->n++] = htole64(to);
	return 0;
}

int disk_edit_read(const struct disk_edit *d, uint64_t slot, void *buf, size_t n, uint64_t at, struct err *e)
{
	return fd_pread_all(d->fd, buf, n, at_slot(d, slot) + (off_t)at, e);
}

int disk_edit_write(struct disk_edit *d, uint64_t slot, const void *buf, size_t n, uint64_t at, struct err *e)
{
	return fd_pwrite_all(d->fd, buf, n, at_slot(d, slot) + (off_t)at, e) < 0 ? err_wrap(e, "write '%s'", d->path) : 0;
}

void disk_edit_tables(struct disk_edit *d)
{
	d->n_data = d->n;
	d->tables = true;
}

/* With its head on disk, and its name, the edit has happened. */
static MUST int complete(struct disk_edit *d, struct err *e)
{
	struct head h = { .chunk_bytes = htole64(d->chunk_bytes), .slots = htole64(d->n), .data_slots = htole64(d->tables ? d->n_data : d->n) };
	AUTO_MEM char *dir = path_dirname(d->path);

	memcpy(h.magic, magic, sizeof(magic));
	if (fd_pwrite_all(d->fd, d->to, d->n * sizeof(*d->to), at_slot(d, d->n), e) < 0)
		return err_wrap(e, "write '%s'", d->path);
	if (fdatasync(d->fd) < 0)
		return err_sys(e, errno, "write '%s'", d->path);
	if (path_sync_dir(dir, e) < 0 || fd_pwrite_all(d->fd, &h, sizeof(h), 0, e) < 0)
		return -1;
	d->complete = true;
	return fdatasync(d->fd) < 0 ? err_sys(e, errno, "write '%s'", d->path) : 0;
}

static MUST int copy_slot(const struct disk_edit *d, uint64_t slot, uint8_t *chunk, int store_fd, struct err *e)
{
	uint64_t to = le64toh(d->to[slot]);

	/* the header makes all that is in the tables count */
	if (to == 0 && fdatasync(store_fd) < 0)
		return err_sys(e, errno, "write to the store");
	if (disk_edit_read(d, slot, chunk, d->chunk_bytes, 0, e) < 0)
		return -1;
	return fd_pwrite_all(store_fd, chunk, d->chunk_bytes, (off_t)(to * d->chunk_bytes), e) < 0 ? err_wrap(e, "write to the store") : 0;
}

/* Can be done again from its beginning at any time: it reads nothing of the store. */
static MUST int copy(struct disk_edit *d, int store_fd, struct err *e)
{
	AUTO_MEM uint8_t *chunk = mem_new(d->chunk_bytes);
	AUTO_MEM char *dir = path_dirname(d->path);

	for (uint64_t i = 0; i < d->n; i++) {
		if (i == d->n_data && fdatasync(store_fd) < 0)
			return err_sys(e, errno, "write to the store");
		if (copy_slot(d, i, chunk, store_fd, e) < 0)
			return -1;
	}
	if (fdatasync(store_fd) < 0)
		return err_sys(e, errno, "write to the store");
	/* were it there again after a power cut, it would undo what the guest has written since */
	return path_remove(d->path, e) < 0 ? -1 : path_sync_dir(dir, e);
}

int disk_edit_commit(struct disk_edit *d, int store_fd, struct err *e)
{
	AUTO(disk_edit_free) struct disk_edit *mine = d;

	if (!mine->tables)
		disk_edit_tables(mine);
	return complete(mine, e) < 0 ? -1 : copy(mine, store_fd, e);
}

/* False: it was cut off before it was complete. */
static MUST int load(struct disk_edit *d, uint64_t store_bytes, bool *ret_complete, struct err *e)
{
	struct head h = { .slots = 0 };
	struct stat st;

	*ret_complete = false;
	if (fstat(d->fd, &st) < 0)
		return err_sys(e, errno, "look at it");
	if ((uint64_t)st.st_size < sizeof(h))
		return 0;
	if (fd_pread_all(d->fd, &h, sizeof(h), 0, e) < 0)
		return -1;
	if (memcmp(h.magic, magic, sizeof(magic)) != 0)
		return 0;
	uint64_t bytes = le64toh(h.chunk_bytes), n = le64toh(h.slots), n_data = le64toh(h.data_slots);
	if (bytes < STORE_SECTOR || bytes > CHUNK_BYTES_MAX || bytes & (bytes - 1) || n == 0 || n >= (uint64_t)st.st_size / bytes || n_data > n)
		return err_set(e, ERR_CORRUPT, "its head makes no sense");
	d->chunk_bytes = (uint32_t)bytes;
	d->n_data = n_data;
	d->n = n;
	d->to = mem_array(n, sizeof(*d->to));
	if (fd_pread_all(d->fd, d->to, n * sizeof(*d->to), at_slot(d, n), e) < 0)
		return -1;
	for (uint64_t i = 0; i < n; i++)
		if (le64toh(d->to[i]) >= store_bytes / bytes)
			return err_set(e, ERR_CORRUPT, "it names chunk %llu, which the store does not have", (unsigned long long)le64toh(d->to[i]));
	*ret_complete = true;
	return 0;
}

static MUST int finish(struct disk_edit *d, const char *store, struct err *e)
{
	AUTO_FD int store_fd = -1;
	bool whole;
	struct stat st;

	d->complete = true; /* a failure leaves the file for the next try */
	store_fd = open(store, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (store_fd < 0 || fstat(store_fd, &st) < 0)
		return err_sys(e, errno, "open '%s'", store);
	if (load(d, (uint64_t)st.st_size, &whole, e) < 0)
		return -1;
	return whole ? copy(d, store_fd, e) : path_remove(d->path, e);
}

int disk_edit_finish(const char *store, struct err *e)
{
	AUTO_MEM char *path = edit_path(store);
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	AUTO(disk_edit_free) struct disk_edit *d = NULL;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open '%s'", path);
	d = NEW(struct disk_edit);
	*d = (struct disk_edit){ .path = mem_strdup(path), .fd = fd };
	return finish(d, store, e) < 0 ? err_wrap(e, "finish the edit '%s'", path) : 0;
}
