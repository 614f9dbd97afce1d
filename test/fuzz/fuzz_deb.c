/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kfile_deb_read on any bytes, kept in a memfd. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kfile/deb.h"
#include "kfile/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int look(void *arg, const struct deb_entry *entry, uint64_t done, uint64_t total, struct err *e)
{
	if (!kfile_release_valid(entry->release) || strstr(entry->path, "..") == entry->path || entry->path[0] == '/')
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = { 0 };
	int fd = memfd_create("deb", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (kfile_deb_read(fd, look, NULL, &e) < 0 && (e.code == ERR_NONE || !e.msg[0]))
		abort();
	close(fd);
	return 0;
}
