/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What is mounted where, with the options that systemd gives the same places: it keeps what it finds. */

#include <stdbool.h>

#include "base/err.h"

/* /proc, /sys and /dev below root_fd's folder, which is "/". */
MUST int mounts_first(int root_fd, struct err *e);
/* The rest that programs expect, in the new root: /dev/pts, /dev/shm, /run, /tmp, and the links in /dev. A boot does not end for one
 * that fails: it is said in the kernel log. */
void mounts_rest(int root_fd);
/* The cgroup tree, which systemd would mount itself. */
MUST int mounts_cgroup(int root_fd, struct err *e);
/* Moves /proc, /sys and /dev into the folder of root_fd. */
MUST int mounts_move(int root_fd, struct err *e);

/* An ext4 disk at path, which is made with mode where it is missing; its links lead nowhere outside root_fd's folder. A file system smaller than its
 * disk is grown; that failing is said in the kernel log only. */
MUST int mounts_disk(int root_fd, const char *device, const char *path, unsigned mode, bool read_only, struct err *e);
/* Opens path below root_fd for mounting on /proc/self/fd/N; folders that are missing are made. */
MUST int mounts_target(int root_fd, const char *path, unsigned mode, int *ret_fd, struct err *e);
