/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Words to systemd about what it finds mounted. */

#include "base/err.h"

/* The unit name of a mount point, as systemd.unit(5) escapes paths: "/usr/lib/a-b" is "usr-lib-a\\x2db.mount". Caller frees. */
char *units_mount_name(const char *path);
/* Has systemd leave the mount point (as the kernel names it) alone until its last step, which ends those who still use it first. */
MUST int units_keep_mounted(const char *path, struct err *e);
/* Folders of modules make systemd run kmod in images that have none: have it look first. */
MUST int units_spare_kmod(struct err *e);
