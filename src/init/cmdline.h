/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What banger writes on the kernel line:
 *   banger.disks=base:vda,work:vdb,modules:vdc,store:vdd   which disk is what: root, or base with store; work; modules
 *   banger.root_mib=N    size of the root joined from base and store, when it is to be larger than the base
 *   banger.chunk=N       sectors in a chunk of a store that is new
 *   init=PATH            the image's init, instead of the usual ones */

#include <stdint.h>

#include "base/err.h"

#define CMDLINE_CHUNK 8 /* sectors, unless the kernel line says otherwise */

/* Device names without /dev/, NULL when there is none of that kind; init NULL when the kernel line has none. */
struct cmdline {
	char *root, *base, *store, *work, *modules;
	char *init;
	int64_t root_mib; /* 0: as large as the base */
	int64_t chunk;
};

/* ERR_INVALID for a banger.* argument that makes no sense. Caller frees with cmdline_done. */
MUST int cmdline_parse(const char *text, struct cmdline *ret, struct err *e);
void cmdline_done(struct cmdline *c);
