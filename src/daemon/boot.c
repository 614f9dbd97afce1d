/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/boot.h"

#include <fcntl.h>
#include <string.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "store/layout.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

enum { BOOT_ID_MAX = 64 };

bool boot_is_new(void)
{
	AUTO_MEM char *path = layout_boot(), *now = NULL, *then = NULL;
	struct err unknown = { 0 }; /* without both it may as well be the same boot */
	size_t n;

	return fd_read_file(AT_FDCWD, path, BOOT_ID_MAX, &then, &n, &unknown) == 0 &&
	       fd_read_file(AT_FDCWD, BOOT_ID, BOOT_ID_MAX, &now, &n, &unknown) == 0 && !str_eq(now, then);
}

void boot_note(void)
{
	AUTO_MEM char *path = layout_boot(), *now = NULL, *then = NULL;
	struct err e = { 0 }, none = { 0 };
	size_t n;

	if (fd_read_file(AT_FDCWD, BOOT_ID, BOOT_ID_MAX, &now, &n, &e) == 0) {
		if (fd_read_file(AT_FDCWD, path, BOOT_ID_MAX, &then, &n, &none) == 0 && str_eq(now, then))
			return;
		if (path_write_atomic(path, now, strlen(now), 0600, &e) == 0)
			return;
	}
	log_warn("boot not noted", "why", e.msg);
}
