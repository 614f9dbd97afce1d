/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* All modules of one kernel and who needs whom: what kmod's indexes and the order of loading are made from. */

#include <stdbool.h>
#include <stddef.h>

#include "base/auto.h"
#include "base/err.h"

#define MODSET_MAX 65000 /* modules of a kernel */

struct modset;

struct modset *kfile_modset_new(void);
void kfile_modset_free(struct modset *s);
AUTO_DEFINE(struct modset, kfile_modset_free);

/* Takes in a module: path below lib/modules/RELEASE, contents unpacked or not (the ending of the path does not matter). Of two with the
 * same name the one below updates/ counts, else the first; the other is left out, as depmod does. Errors name the path. */
MUST int kfile_modset_add(struct modset *s, const char *path, const void *data, size_t n, struct err *e);
/* Take in modules.order, modules.builtin and modules.builtin.modinfo, whole files; unknown lines are skipped. Each at most once. */
void kfile_modset_order(struct modset *s, const void *text, size_t n);
void kfile_modset_builtin(struct modset *s, const void *text, size_t n);
void kfile_modset_builtin_modinfo(struct modset *s, const void *text, size_t n);
/* Ends the taking in: sorts, and finds who needs whom. ERR_INVALID when modules need each other in a circle. */
MUST int kfile_modset_finish(struct modset *s, struct err *e);

/* The release that the first module was built for, by its vermagic; NULL when none says. */
const char *kfile_modset_release(const struct modset *s);
/* After finish: modules are numbered from 0 in depmod's order. */
size_t kfile_modset_count(const struct modset *s);
const char *kfile_modset_path(const struct modset *s, size_t i);
const char *kfile_modset_name(const struct modset *s, size_t i);
/* The number of the module of that name, '-' and '_' being the same; SIZE_MAX when there is none. */
size_t kfile_modset_find(const struct modset *s, const char *name);
bool kfile_modset_is_builtin(const struct modset *s, const char *name);
