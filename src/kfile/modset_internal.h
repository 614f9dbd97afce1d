/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The set's body, for modset, modindex and modorder only. */

#include "kfile/modset.h"
#include "kfile/names.h"

struct module_list {
	char **v;
	size_t n;
};

struct module {
	char *path, *name;
	struct module_list aliases, softdeps, weakdeps;
	size_t *exports, *imports; /* numbers in the set's symbols */
	size_t n_exports, n_imports;
	size_t *deps; /* modules it needs directly; after finish all, in depmod's order */
	size_t n_deps;
	size_t n_users;
	size_t order;   /* place in modules.order, SIZE_MAX without */
	size_t rank;    /* place in the topological order, those without users first */
};

struct modset {
	struct module *modules;
	size_t n;
	struct names names;   /* of modules as they came; the number is an index of by_name */
	size_t *by_name;      /* index of modules */
	struct names symbols;
	size_t *owners;       /* of each symbol: module, or SIZE_MAX */
	struct names order;   /* lines of modules.order */
	struct names builtin; /* names of modules.builtin */
	char *vermagic; /* first word of the first one seen */
	struct module_list builtin_aliases, builtin_alias_names;
};
