/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The files that depmod makes in lib/modules/RELEASE (modules.dep(5), depmod(8)). */

#include <stddef.h>

#include "base/err.h"
#include "kfile/modset.h"

/* Takes one file of the indexes; data is lent. */
typedef int (*modindex_fn)(void *arg, const char *name, const void *data, size_t n, struct err *e);

/* Makes modules.{dep,alias,symbols,softdep,weakdep,devname}, modules.{dep,alias,symbols,builtin,builtin.alias}.bin of a finished set and
 * gives them to fn one after the other; an error of fn ends it. */
MUST int kfile_modindex_write(const struct modset *s, modindex_fn fn, void *arg, struct err *e);
