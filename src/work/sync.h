/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The owner's files that a new VM gets copies of. They are opened by who may see them, before anything foreign is read, and copied into the
 * work disk later, from the descriptors. Nothing outside the home folder is reached: a link at the top may lead elsewhere in it, links further
 * down are left out. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

#define WORK_SYNC_MAX_BYTES (UINT64_C(1) << 30) /* of all files of one VM */
#define WORK_SYNC_MAX_FILES 100000
#define WORK_SYNC_MAX_DEPTH 64 /* of folders */

struct ext4_build;

struct work_sync_item {
	char *host, *guest; /* below the home folder, below the guest's /root */
	mode_t mode;        /* of a file */
	int fd;             /* -1: not there */
};

struct work_sync {
	struct work_sync_item *items;
	size_t n;
	uint64_t bytes, files; /* copied so far */
	struct str warnings;   /* sentences, one behind the other */
};

/* Opens host below home (absolute) for a copy at guest; mode is a file's. What is missing becomes a warning. ERR_DENIED when it lies outside of home or
 * cannot be read, ERR_INVALID when it is neither file nor folder. */
MUST int work_sync_add(struct work_sync *s, const char *home, const char *host, const char *guest, mode_t mode, struct err *e);
/* Copies them all, as root's. What is neither file nor folder within a folder becomes a warning. ERR_NO_SPACE when there is more than may be or fits. */
MUST int work_sync_copy(struct work_sync *s, struct ext4_build *b, struct err *e);
/* Adds a sentence. */
void work_sync_warn(struct work_sync *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void work_sync_done(struct work_sync *s);
