/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ext4/tar.h"

#include <string.h>
#include <sys/stat.h>

#include "base/proc.h"
#include "base/str.h"

#define PROGRESS_BYTES ((uint64_t)4 << 20)
#define PROGRESS_ENTRIES 1024

struct import {
	struct ext4_build *b;
	struct tar_reader *from;
	const struct ext4_tar *how;
	struct ext4_tar_result sum;
	uint64_t told_bytes, told_entries;
};

static void tell(struct import *im, bool now)
{
	if (!im->how->progress)
		return;
	if (!now && im->sum.content_bytes - im->told_bytes < PROGRESS_BYTES && im->sum.entries - im->told_entries < PROGRESS_ENTRIES)
		return;
	im->told_bytes = im->sum.content_bytes;
	im->told_entries = im->sum.entries;
	im->how->progress(im->how->arg, &(struct ext4_tar_progress){ tar_consumed(im->from), im->sum.entries, im->sum.content_bytes });
}

/* The namespaces that a kernel takes on ext4. "system." is else the file system's own: system.data is inline content. */
static bool known_xattr(const char *name)
{
	return str_starts(name, "user.") || str_starts(name, "security.") || str_starts(name, "trusted.") || str_eq(name, "system.posix_acl_access") ||
	       str_eq(name, "system.posix_acl_default");
}

static size_t choose_xattrs(struct import *im, const struct tar_entry *t, struct ext4_xattr *out)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_xattrs; i++) {
		const struct tar_xattr *x = &t->xattrs[i];
		/* ACLs of symlinks and default ACLs of files are nothing a kernel would let through */
		bool acl = str_starts(x->name, "system."), fits = !acl || S_ISDIR(t->mode) || (!S_ISLNK(t->mode) && str_ends(x->name, "_access"));
		if (known_xattr(x->name) && fits && strlen(x->name) <= 255)
			out[n++] = (struct ext4_xattr){ x->name, x->value, x->n };
		else
			im->sum.xattrs_left_out++;
	}
	im->sum.xattrs_left_out += t->acl_lost;
	return n;
}

static MUST int add_content(struct import *im, struct err *e)
{
	const uint8_t *data;
	uint64_t offset;
	size_t n;

	for (;;) {
		if (tar_data(im->from, &data, &n, &offset, e) < 0)
			return -1;
		if (n == 0)
			return 0;
		if (ext4_build_data(im->b, offset, data, n, e) < 0)
			return -1;
		im->sum.content_bytes += n;
		tell(im, false);
	}
}

static MUST int add_link(struct import *im, const char *path, const struct tar_entry *t, struct err *e)
{
	const char *target = im->how->link_to ? im->how->link_to(im->how->arg, t->hard_link) : t->hard_link;

	if (!target)
		return err_set(e, ERR_INVALID, "hard link '%.150s' is to '%.150s', which is left out", t->path, t->hard_link);
	return ext4_build_link(im->b, path, target, e);
}

static MUST int add_entry(struct import *im, const struct tar_entry *t, struct err *e)
{
	const char *path = im->how->place ? im->how->place(im->how->arg, t) : t->path;
	struct ext4_xattr xattrs[TAR_XATTRS_MAX + 2];
	struct ext4_entry in = {
		.path = path,
		.meta = {
			.mode = t->mode,
			.uid = (uint32_t)t->uid,
			.gid = (uint32_t)t->gid,
			.mtime = { t->mtime_s, t->mtime_ns },
			.atime = { t->atime_s, t->atime_ns },
			.ctime = { t->ctime_s, t->ctime_ns },
			.major = t->major,
			.minor = t->minor,
		},
		.size = t->size,
		.target = t->symlink,
		.xattrs = xattrs,
	};

	if (!path)
		return 0;
	if (t->hard_link)
		return add_link(im, path, t, e);
	if (t->uid < 0 || t->uid > UINT32_MAX || t->gid < 0 || t->gid > UINT32_MAX)
		return err_set(e, ERR_INVALID, "'%.200s' belongs to user %lld, group %lld, which cannot be", t->path, (long long)t->uid, (long long)t->gid);
	in.n_xattrs = choose_xattrs(im, t, xattrs);
	if (ext4_build_add(im->b, &in, e) < 0)
		return -1;
	return S_ISREG(t->mode) && t->size ? add_content(im, e) : 0;
}

int ext4_tar_add(struct ext4_build *b, struct tar_reader *from, const struct ext4_tar *how, struct ext4_tar_result *ret, struct err *e)
{
	static const struct ext4_tar plain;
	struct import im = { .b = b, .from = from, .how = how ? how : &plain };
	const struct tar_entry *t;

	for (;;) {
		if (proc_cancelled())
			return err_set(e, ERR_CANCELLED, "cancelled");
		if (tar_next(from, &t, e) < 0)
			return -1;
		if (!t)
			break;
		if (add_entry(&im, t, e) < 0)
			return -1;
		im.sum.entries++;
		tell(&im, false);
	}
	tell(&im, true);
	if (ret)
		*ret = im.sum;
	return 0;
}
