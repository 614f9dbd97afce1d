/* SPDX-License-Identifier: GPL-2.0-or-later */
/* disk_store_check on any beginning of a store of 64 MiB for a root of as much. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "disk/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint64_t bytes = 64 << 20;
	struct disk_store s;
	struct err e = { 0 };
	int fd = memfd_create("store", MFD_CLOEXEC);

	if (fd < 0 || size > bytes || write(fd, data, size) != (ssize_t)size || ftruncate(fd, (off_t)bytes) < 0)
		abort();
	if (disk_store_check(fd, bytes, &s, &e) < 0) {
		if (e.code == ERR_NONE || !e.msg[0])
			abort();
	} else if (s.pairs * (s.fresh ? 0 : s.chunk_bytes) > bytes) {
		abort();
	}
	close(fd);
	return 0;
}
