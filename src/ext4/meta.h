/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What a file is, apart from its name and content. */

#include <stdint.h>

struct ext4_time {
	int64_t s;   /* kept from 1901 to 2446 */
	uint32_t ns;
};

struct ext4_meta {
	uint32_t mode; /* S_IF* and permissions */
	uint32_t uid, gid;
	struct ext4_time atime, ctime, mtime;
	uint32_t major, minor; /* of devices */
};

/* A regular file, folder or link of uid and gid with all three times at s, 0 for now. */
struct ext4_meta ext4_meta(uint32_t mode, uint32_t uid, uint32_t gid, int64_t s);
