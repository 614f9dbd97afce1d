/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Which modules a guest's first minutes need, and in what order init loads them. */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "kfile/modset.h"

struct modorder_want {
	const char *name;
	unsigned group; /* 0: may be missing. Otherwise one of each group, module or built in, must be there. */
};

/* Numbers of modules (kfile_modset_path gives their files), each behind all that it needs, soft needs included. */
struct modorder {
	size_t *v;
	size_t n;
};

/* What banger's init needs: virtio over PCI and MMIO, disks, net, vsock, ext4, dm-snapshot, entropy. Ends with a name of NULL. */
extern const struct modorder_want MODORDER_GUEST[];

/* Puts the wants of a finished set in order; built-in ones need nothing. ERR_INVALID names all groups of which nothing is there. */
MUST int kfile_modorder(const struct modset *s, const struct modorder_want *wants, struct modorder *ret, struct err *e);
void kfile_modorder_done(struct modorder *o);
/* Whether name is a module of the set or built in. */
bool kfile_modorder_has(const struct modset *s, const char *name);
