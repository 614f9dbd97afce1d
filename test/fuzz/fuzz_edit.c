/* SPDX-License-Identifier: GPL-2.0-or-later */
/* disk_edit_finish on any STORE.edit beside a store of 64 KiB: it is taken whole, forgotten, or refused with the store as it was; a second time
 * changes nothing. What is taken comes out the same when disk_edit_commit makes it, and is nothing when it is given up. */
#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "disk/disk_internal.h"

enum { BYTES = 64 << 10, FILL = 0x5a };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(const char *path, const void *data, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, data, n) != (ssize_t)n)
		abort();
	close(fd);
}

static void get(const char *path, uint8_t out[static BYTES])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, out, BYTES) != BYTES || read(fd, out, 1) != 0)
		abort();
	close(fd);
}

static uint64_t number(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return le64toh(v);
}

/* What a complete edit makes of the store, by the layout at the top of disk/edit.c. */
static void copy_slots(const uint8_t *data, uint8_t *store)
{
	uint64_t bytes = number(data + 8), n = number(data + 16);

	for (uint64_t i = 0; i < n; i++)
		memcpy(store + number(data + bytes * (n + 1) + 8 * i) * bytes, data + bytes * (i + 1), bytes);
}

/* True: it was complete and taken. */
static bool look(const char *store, const char *edit, const uint8_t *data, size_t size)
{
	static uint8_t want[BYTES], is[BYTES], again[BYTES];
	struct err e = { 0 }, second = { 0 };
	bool complete = size >= 32 && memcmp(data, "bgrEdit1", 8) == 0;
	int rc = disk_edit_finish(store, &e);

	get(store, is);
	memset(want, FILL, sizeof(want));
	if (rc < 0 && (!complete || e.code == ERR_NONE || !e.msg[0]))
		abort();
	if (rc == 0 && complete)
		copy_slots(data, want);
	/* what is refused stays, for somebody to look at */
	if (memcmp(want, is, sizeof(is)) != 0 || (access(edit, F_OK) < 0) != (rc == 0))
		abort();
	if (disk_edit_finish(store, &second) != rc)
		abort();
	get(store, again);
	if (memcmp(again, is, sizeof(is)) != 0)
		abort();
	return rc == 0 && complete;
}

/* The same slots by the functions that make such a file; each begins as another and is written over. */
static struct disk_edit *make(const char *store, const uint8_t *data)
{
	uint64_t bytes = number(data + 8), n = number(data + 16), n_data = number(data + 24);
	uint8_t *chunk = mem_new(bytes);
	struct disk_edit *d;
	struct err e = { 0 };

	if (disk_edit_new(store, (uint32_t)bytes, &d, &e) < 0)
		abort();
	for (uint64_t i = 0; i < n; i++) {
		if (i == n_data)
			disk_edit_tables(d);
		if (disk_edit_add(d, number(data + bytes * (n + 1) + 8 * i), chunk, &e) < 0 || disk_edit_write(d, i, data + bytes * (i + 1), bytes, 0, &e) < 0 ||
		    disk_edit_read(d, i, chunk, bytes, 0, &e) < 0 || memcmp(chunk, data + bytes * (i + 1), bytes) != 0)
			abort();
	}
	free(chunk);
	return d;
}

static void make_again(const char *store, const char *edit, const uint8_t *data, const uint8_t *fill)
{
	static uint8_t want[BYTES], is[BYTES];
	struct err e = { 0 };

	put(store, fill, BYTES);
	disk_edit_free(make(store, data));
	get(store, is);
	if (access(edit, F_OK) == 0 || memcmp(is, fill, sizeof(is)) != 0)
		abort();
	int fd = open(store, O_RDWR | O_CLOEXEC);
	if (fd < 0 || disk_edit_commit(make(store, data), fd, &e) < 0)
		abort();
	close(fd);
	memcpy(want, fill, sizeof(want));
	copy_slots(data, want);
	get(store, is);
	if (access(edit, F_OK) == 0 || memcmp(is, want, sizeof(is)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* in memory where there is such a folder: each input is synced */
	const char *dir = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	char store[64], edit[72];
	uint8_t fill[BYTES];

	snprintf(store, sizeof(store), "%s/banger-fuzz-edit-%d", dir, (int)getpid());
	snprintf(edit, sizeof(edit), "%s.edit", store);
	memset(fill, FILL, sizeof(fill));
	put(store, fill, sizeof(fill));
	put(edit, data, size);
	if (look(store, edit, data, size))
		make_again(store, edit, data, fill);
	unlink(edit);
	unlink(store);
	return 0;
}
