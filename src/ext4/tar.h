/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A tar stream becomes the content of an image, without a mount and without root. */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "ext4/build.h"
#include "unpack/tar.h"

struct ext4_tar_progress {
	uint64_t consumed_bytes; /* of the (compressed) input */
	uint64_t entries, content_bytes;
};

struct ext4_tar {
	/* Chooses the name of an entry in the image: its own, another, or NULL to leave it out. May be NULL: all as they are. What it returns
	 * must live until the next call. Names of hard links' targets go through link_to (NULL: as they are; NULL from it: ERR_INVALID). */
	const char *(*place)(void *arg, const struct tar_entry *in);
	const char *(*link_to)(void *arg, const char *target);
	/* Called about every 4 MiB of content or 1024 entries, and at the end. May be NULL. */
	void (*progress)(void *arg, const struct ext4_tar_progress *now);
	void *arg;
};

struct ext4_tar_result {
	uint64_t entries, content_bytes;
	uint64_t xattrs_left_out; /* of namespaces that ext4 does not have, or ACLs without numbers */
};

/* Adds all entries of the archive to the builder. ".." in a name, and hard links to what is not in the archive, are ERR_INVALID naming
 * the entry; leading "/" and "./" are taken off. Other errors: those of unpack/tar.h and ext4/build.h. how and ret may be NULL. */
MUST int ext4_tar_add(struct ext4_build *b, struct tar_reader *from, const struct ext4_tar *how, struct ext4_tar_result *ret, struct err *e);
