/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What a kernel module says about itself: .modinfo, and the symbols it exports and needs (linux/module.h, linux/export.h). */

#include <stddef.h>

#include "base/err.h"

#define KFILE_MODULE_MAX ((size_t)256 << 20) /* bytes of a module, unpacked */

/* A row of strings; all of a module's point into its one block. */
struct modinfo_list {
	const char **v;
	size_t n;
};

struct modinfo {
	char *block;
	const char *name; /* NULL when it has none, and the file's name counts */
	const char *license, *vermagic;
	struct modinfo_list aliases, softdeps, weakdeps, depends;
	struct modinfo_list exports; /* symbols it gives to others */
	struct modinfo_list imports; /* symbols it needs, in the order of its symbol table */
};

/* Whether path ends as a module's does: .ko, .ko.gz, .ko.xz, .ko.zst. */
int kfile_modinfo_is_module(const char *path);
/* A module's path without the ending of its compression. Caller frees. */
char *kfile_modinfo_plain_path(const char *path);
/* The module's name by its path: base name, without the ending, '-' as '_'. Caller frees. */
char *kfile_modinfo_name(const char *path);
/* Reads an unpacked module. ERR_INVALID when it is none, ERR_CORRUPT when its tables are damaged. */
MUST int kfile_modinfo_parse(const void *ko, size_t n, struct modinfo *ret, struct err *e);
void kfile_modinfo_done(struct modinfo *m);
