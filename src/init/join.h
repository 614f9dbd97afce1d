/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Joins the read-only base and the VM's store to one writable disk by dm-snapshot (linux/dm-ioctl.h; tables as in the kernel's
 * Documentation/admin-guide/device-mapper/snapshot.rst). */

#include <stdint.h>

#include "base/err.h"

#define JOIN_NAME_MAX 16

/* base and store are device names without /dev/; root_mib is the size of the joined disk when that is more than the base's, whose missing
 * end reads as zeros. Writes the joined disk's name ("dm-1"). ERR_CORRUPT when the store has been invalidated (it was full, or failed). */
MUST int join_root(const char *base, const char *store, int64_t root_mib, int64_t chunk, char ret_name[static JOIN_NAME_MAX],
	struct err *e);
