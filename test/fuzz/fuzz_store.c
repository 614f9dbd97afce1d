/* SPDX-License-Identifier: GPL-2.0-or-later */
/* disk_store_check, disk_store_heal and the joined root of disk/cow on any beginning of a store of 64 MiB for a root of as much. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "disk/cow.h"
#include "disk/store.h"

enum { BYTES = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was refused stays refused; what was healed is valid and has the same pairs. */
static void look(int fd, const char *path)
{
	struct disk_store before, after;
	struct err e = { 0 }, why = { 0 };
	bool healed;
	int rc = disk_store_check(fd, BYTES, &before, &e);

	if (rc < 0 && (e.code == ERR_NONE || !e.msg[0]))
		abort();
	if (rc == 0 && before.pairs > BYTES / 4096)
		abort();
	err_clear(&e);
	if (disk_store_heal(path, BYTES, &healed, &e) < 0 && rc == 0)
		abort();
	if (rc == 0 && (disk_store_check(fd, BYTES, &after, &why) < 0 || after.pairs != before.pairs || !(after.valid || after.fresh) ||
			healed != !(before.valid || before.fresh)))
		abort();
}

/* What is written is read back after the commit, all around it is as before, and the store stays one that is taken. */
static void edit(int fd, const char *path)
{
	static const uint64_t places[] = { 0, 4095, 5 * 4096, BYTES - 3 };
	AUTO(disk_cow_free) struct disk_cow *c = NULL;
	static uint8_t before[1 << 20], after[1 << 20];
	struct disk_store s;
	struct err e = { 0 };

	if (disk_cow_open("/dev/null", path, BYTES, true, &c, &e) < 0)
		return;
	if (disk_cow_read(c, before, sizeof(before), 0, &e) < 0)
		abort();
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (disk_cow_write(c, "abc", 3, places[i], &e) < 0)
			return; /* the store may be full */
	if (disk_cow_commit(c, &e) < 0) /* or have no place for another table */
		return;
	if (disk_store_check(fd, BYTES, &s, &e) < 0 || !s.valid || disk_cow_read(c, after, sizeof(after), 0, &e) < 0)
		abort();
	for (size_t i = 0; i + 1 < ARRAY_LEN(places); i++)
		memcpy(before + places[i], "abc", 3);
	if (memcmp(before, after, sizeof(before)) != 0 || disk_cow_read(c, after, 3, BYTES - 3, &e) < 0 || memcmp(after, "abc", 3) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* in memory where there is such a folder: each input is synced some ten times */
	const char *dir = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	char path[64];

	snprintf(path, sizeof(path), "%s/banger-fuzz-XXXXXX", dir);
	int fd = mkstemp(path);

	if (fd < 0 || size > BYTES || write(fd, data, size) != (ssize_t)size || ftruncate(fd, BYTES) < 0)
		abort();
	look(fd, path);
	edit(fd, path);
	close(fd);
	unlink(path);
	return 0;
}
