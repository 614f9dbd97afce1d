/* SPDX-License-Identifier: GPL-2.0-or-later */
/* disk_store_check and disk_store_heal on any beginning of a store of 64 MiB for a root of as much. */
#include <stdlib.h>
#include <unistd.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[] = "/tmp/banger-fuzz-XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0 || size > BYTES || write(fd, data, size) != (ssize_t)size || ftruncate(fd, BYTES) < 0)
		abort();
	look(fd, path);
	close(fd);
	unlink(path);
	return 0;
}
