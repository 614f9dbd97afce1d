/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "work/workdisk.h"

#include "ext4/fs.h"

int workdisk_make(const char *path, uint64_t bytes, const char *image, struct err *e)
{
	struct ext4_mkfs how = { .bytes = bytes, .label = "banger-work" };

	return ext4_mkfs(path, &how, e);
}
