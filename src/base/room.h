/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* How much this process may still write below a folder: what the file system has, or what a quota leaves of it. */

#include <stdint.h>

#include "base/err.h"

enum room_limit { ROOM_DISK, ROOM_USER_QUOTA, ROOM_GROUP_QUOTA, ROOM_PROJECT };

struct room {
	uint64_t total_bytes, avail_bytes; /* of the limit that is nearest */
	uint64_t inodes;                   /* free ones of the file system; 0 where it makes them as it goes */
	enum room_limit limit;             /* which that is; ROOM_PROJECT: the folder is in a project, whose quota statvfs(3) takes into account */
	uint32_t id;                       /* the user, group or project */
};

/* Quotas are the effective user's and group's, as new files count (quotactl_fd(2), Linux 5.14; before, and where a file system keeps its own kind,
 * as btrfs does, they are not seen). A soft limit counts from shortly before its grace time ends. */
MUST int room_look(const char *path, struct room *ret, struct err *e);
/* The part of total bytes that VMs do not get: a twentieth, 1 GiB at most. */
uint64_t room_reserve(uint64_t total);
/* A sentence's beginning, such as "user 7's quota on the file system of '/x' has 3M left". Caller frees. */
char *room_text(const struct room *r, const char *path);
