/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* From a kernel's modules, one after the other, to modules.ext4 and the initrd's tail. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"

struct modules;

/* Begins modules.ext4 in the folder dir. */
MUST int kernel_modules_begin(const char *dir, struct modules **ret, struct err *e);
/* Takes in one file of lib/modules/RELEASE, path below that; compressed modules are stored unpacked, so that a guest's modprobe need not
 * know the compression. What is neither a module nor one of the lists that come with a kernel is passed over. */
MUST int kernel_modules_add(struct modules *m, const char *path, int64_t mtime_s, const void *data, size_t n, struct err *e);
/* Adds the indexes, writes the tail, closes and syncs the image. ERR_INVALID when modules are of another release than that given, or
 * drivers are missing that every guest needs. */
MUST int kernel_modules_end(struct modules *m, const char *release, struct err *e);
/* After the end. */
size_t kernel_modules_count(const struct modules *m);
/* Whether the kernel has the driver, as a module or built in. */
bool kernel_modules_has(const struct modules *m, const char *name);
void kernel_modules_free(struct modules *m);
AUTO_DEFINE(struct modules, kernel_modules_free);
