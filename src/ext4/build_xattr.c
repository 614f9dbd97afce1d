/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attributes of entries. ACLs come in Linux's form (linux/posix_acl_xattr.h: version 2, entries of 8 bytes) and are stored in ext4's
 * (fs/ext4/acl.h: version 1, numbers only where they mean something); libext2fs converts them too, but trusts their sizes. */
#include <string.h>
#include <sys/types.h>

#include "base/str.h"
#include "ext4/build_internal.h"

#define LINUX_VERSION 2
#define STORED_VERSION 1
#define ENTRIES_MAX 8192 /* in 64 KiB */

struct linux_acl_entry {
	uint16_t tag, perm;
	uint32_t id;
};

enum { TAG_USER = 0x02, TAG_GROUP = 0x08 };

static MUST int convert_acl(struct ext4_build *b, const char *path, const struct ext4_xattr *in, struct ext4_xattr_copy *out, struct err *e)
{
	const uint8_t *from = in->value;
	size_t n = in->n < 4 ? 0 : (in->n - 4) / sizeof(struct linux_acl_entry);
	uint32_t version = 0;
	uint8_t *to;

	if (in->n >= 4)
		memcpy(&version, from, 4);
	if (version == STORED_VERSION) { /* from another image */
		out->value = build_text(b, in->value, in->n);
		out->n = in->n;
		return 0;
	}
	if (version != LINUX_VERSION || n == 0 || n > ENTRIES_MAX || (in->n - 4) % sizeof(struct linux_acl_entry))
		return err_set(e, ERR_INVALID, "'%.200s' has a malformed ACL", path);
	out->value = to = build_alloc(b, in->n);
	memcpy(to, &(uint32_t){ STORED_VERSION }, 4);
	to += 4;
	for (size_t i = 0; i < n; i++) {
		struct linux_acl_entry x;
		memcpy(&x, from + 4 + i * sizeof(x), sizeof(x));
		bool named = x.tag == TAG_USER || x.tag == TAG_GROUP;
		if ((x.tag & (x.tag - 1)) || x.tag == 0 || x.tag > 0x20 || x.perm > 7)
			return err_set(e, ERR_INVALID, "'%.200s' has a malformed ACL", path);
		memcpy(to, &x, named ? 8 : 4);
		to += named ? 8 : 4;
	}
	out->n = (size_t)(to - (uint8_t *)out->value);
	return 0;
}

int build_copy_xattrs(struct ext4_build *b, const struct ext4_entry *in, struct ext4_xattr_copy **ret, struct err *e)
{
	struct ext4_xattr_copy *list = NULL;

	for (size_t i = in->n_xattrs; i-- > 0;) {
		const struct ext4_xattr *from = &in->xattrs[i];
		struct ext4_xattr_copy *x = build_alloc(b, sizeof(*x));
		x->name = build_text(b, from->name, strlen(from->name));
		if (str_starts(from->name, "system.posix_acl_")) {
			if (convert_acl(b, in->path, from, x, e) < 0)
				return -1;
		} else {
			x->value = build_text(b, from->value, from->n);
			x->n = from->n;
		}
		x->next = list;
		list = x;
	}
	*ret = list;
	return 0;
}
