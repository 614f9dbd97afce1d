/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kfile/modset.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kfile/modinfo.h"
#include "kfile/modset_internal.h"
#include "unpack/inflate.h"

#define UPDATES "updates/" /* depmod.d(5): "search updates built-in" is what holds without a configuration */

struct modset *kfile_modset_new(void)
{
	return NEW(struct modset);
}

static void list_add(struct module_list *l, const char *s)
{
	l->v = mem_grow(l->v, l->n, sizeof(*l->v));
	l->v[l->n++] = mem_strdup(s);
}

static void list_done(struct module_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
}

static void module_done(struct module *m)
{
	list_done(&m->aliases);
	list_done(&m->softdeps);
	list_done(&m->weakdeps);
	free(m->exports);
	free(m->imports);
	free(m->deps);
	free(m->path);
	free(m->name);
	*m = (struct module){ 0 };
}

void kfile_modset_free(struct modset *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		module_done(&s->modules[i]);
	free(s->modules);
	names_done(&s->names);
	free(s->by_name);
	names_done(&s->symbols);
	free(s->owners);
	names_done(&s->order);
	names_done(&s->builtin);
	list_done(&s->builtin_aliases);
	list_done(&s->builtin_alias_names);
	free(s->vermagic);
	free(s);
}

static size_t *take_symbols(struct modset *s, const struct modinfo_list *from)
{
	size_t *to = mem_array(from->n, sizeof(*to));

	for (size_t i = 0; i < from->n; i++)
		to[i] = names_add(&s->symbols, from->v[i]);
	return to;
}

static void take_list(struct module_list *to, const struct modinfo_list *from)
{
	for (size_t i = 0; i < from->n; i++)
		list_add(to, from->v[i]);
}

static void module_fill(struct modset *s, struct module *m, const char *path, char *name, const struct modinfo *info)
{
	m->path = mem_strdup(path);
	m->name = name;
	take_list(&m->aliases, &info->aliases);
	take_list(&m->softdeps, &info->softdeps);
	take_list(&m->weakdeps, &info->weakdeps);
	m->exports = take_symbols(s, &info->exports);
	m->n_exports = info->exports.n;
	m->imports = take_symbols(s, &info->imports);
	m->n_imports = info->imports.n;
}

/* Where a module of that path and name goes: a new place, or that of one it outranks; NULL when it is outranked itself. */
static struct module *place_for(struct modset *s, const char *path, const char *name)
{
	size_t known = names_find(&s->names, name);

	if (known != NAMES_NONE) {
		struct module *old = &s->modules[known];
		if (!str_starts(path, UPDATES) || str_starts(old->path, UPDATES))
			return NULL;
		module_done(old);
		return old;
	}
	names_add(&s->names, name);
	s->modules = mem_grow(s->modules, s->n, sizeof(*s->modules));
	s->modules[s->n] = (struct module){ 0 };
	return &s->modules[s->n++];
}

/* The indexes are lines of words in ASCII. */
static bool path_fits(const char *path)
{
	for (const char *p = path; *p; p++)
		if (*p <= ' ' || *p > '~' || *p == ':')
			return false;
	return kfile_modinfo_is_module(path);
}

int kfile_modset_add(struct modset *s, const char *path, const void *data, size_t n, struct err *e)
{
	AUTO_DONE(kfile_modinfo_done) struct modinfo info = { 0 };
	AUTO_MEM void *plain = NULL;

	if (!path_fits(path))
		return err_set(e, ERR_INVALID, "'%s' cannot be a kernel module's path", path);
	if (s->n >= MODSET_MAX)
		return err_set(e, ERR_INVALID, "more than %d kernel modules", MODSET_MAX);
	if (unpack_kind(data, n) != UNPACK_PLAIN) {
		if (unpack_decompress(data, n, KFILE_MODULE_MAX, &plain, &n, e) < 0)
			return err_wrap(e, "module '%s'", path);
		data = plain;
	}
	if (kfile_modinfo_parse(data, n, &info, e) < 0)
		return err_wrap(e, "module '%s'", path);
	char *name = kfile_modinfo_name(path);
	if (!s->vermagic && info.vermagic)
		s->vermagic = mem_strndup(info.vermagic, strcspn(info.vermagic, " "));
	struct module *m = place_for(s, path, name);
	if (m)
		module_fill(s, m, path, name, &info);
	else
		free(name);
	return 0;
}

/* Calls fn for each line of a text, without its end. */
static void each_line(const void *text, size_t n, void (*fn)(struct modset *s, char *line), struct modset *s)
{
	const char *p = text, *end = p + n;

	while (p < end) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		if (!stop)
			stop = end;
		AUTO_MEM char *line = mem_strndup(p, (size_t)(stop - p));
		if (line[0])
			fn(s, line);
		p = stop + 1;
	}
}

static void take_order_line(struct modset *s, char *line)
{
	names_add(&s->order, line);
}

static void take_builtin_line(struct modset *s, char *line)
{
	AUTO_MEM char *name = kfile_modinfo_name(line);

	names_add(&s->builtin, name);
}

void kfile_modset_order(struct modset *s, const void *text, size_t n)
{
	each_line(text, n, take_order_line, s);
}

void kfile_modset_builtin(struct modset *s, const void *text, size_t n)
{
	each_line(text, n, take_builtin_line, s);
}

/* Records NAME.KEY=VALUE, each ended by a NUL; only aliases matter. */
void kfile_modset_builtin_modinfo(struct modset *s, const void *text, size_t n)
{
	const char *p = text, *end = p + n;

	while (p < end) {
		AUTO_MEM char *record = mem_strndup(p, (size_t)(end - p));
		char *dot = strchr(record, '.');
		p += strlen(record) + 1;
		if (!dot || dot == record || !str_starts(dot, ".alias="))
			continue;
		*dot = '\0';
		list_add(&s->builtin_aliases, dot + strlen(".alias="));
		list_add(&s->builtin_alias_names, record);
	}
}

/* modules.order names the modules uncompressed. */
static size_t place_in_order(const struct modset *s, const char *path)
{
	AUTO_MEM char *plain = kfile_modinfo_plain_path(path);

	return names_find(&s->order, plain);
}

static int by_order(const void *pa, const void *pb)
{
	const struct module *a = pa, *b = pb;

	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	return strcmp(a->path, b->path);
}

static void sort_modules(struct modset *s)
{
	for (size_t i = 0; i < s->n; i++)
		s->modules[i].order = place_in_order(s, s->modules[i].path);
	if (s->n)
		qsort(s->modules, s->n, sizeof(*s->modules), by_order);
	s->by_name = mem_array(s->names.n, sizeof(*s->by_name));
	for (size_t i = 0; i < s->n; i++)
		s->by_name[names_find(&s->names, s->modules[i].name)] = i;
}

static void find_owners(struct modset *s)
{
	s->owners = mem_array(s->symbols.n, sizeof(*s->owners));
	for (size_t i = 0; i < s->symbols.n; i++)
		s->owners[i] = SIZE_MAX;
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->modules[i].n_exports; k++)
			s->owners[s->modules[i].exports[k]] = i;
}

static void add_dep(struct modset *s, struct module *m, size_t dep)
{
	for (size_t i = 0; i < m->n_deps; i++)
		if (m->deps[i] == dep)
			return;
	m->deps = mem_grow(m->deps, m->n_deps, sizeof(*m->deps));
	m->deps[m->n_deps++] = dep;
	s->modules[dep].n_users++;
}

static void find_deps(struct modset *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct module *m = &s->modules[i];
		for (size_t k = 0; k < m->n_imports; k++) {
			size_t owner = s->owners[m->imports[k]];
			if (owner != SIZE_MAX && owner != i)
				add_dep(s, m, owner);
		}
	}
}

static int in_a_circle(const struct modset *s, const size_t *users, struct err *e)
{
	struct str names = STR_INIT;

	for (size_t i = 0; i < s->n && names.len < 200; i++)
		if (users[i])
			str_addf(&names, "%s'%s'", names.len ? ", " : "", s->modules[i].name);
	err_set(e, ERR_INVALID, "kernel modules need each other in a circle, or are needed by such: %s", names.data);
	str_done(&names);
	return -1;
}

/* Ranks modules so that each comes before what it needs; the stack makes the same choice among equals that depmod makes. */
static MUST int rank_modules(struct modset *s, struct err *e)
{
	AUTO_MEM size_t *users = mem_array(s->n, sizeof(*users));
	AUTO_MEM size_t *stack = mem_array(s->n, sizeof(*stack));
	size_t n_stack = 0, n_ranked = 0;

	for (size_t i = 0; i < s->n; i++) {
		users[i] = s->modules[i].n_users;
		if (!users[i])
			stack[n_stack++] = i;
	}
	while (n_stack) {
		struct module *m = &s->modules[stack[--n_stack]];
		m->rank = n_ranked++;
		for (size_t k = 0; k < m->n_deps; k++)
			if (!--users[m->deps[k]])
				stack[n_stack++] = m->deps[k];
	}
	return n_ranked == s->n ? 0 : in_a_circle(s, users, e);
}

static int by_rank(const void *pa, const void *pb)
{
	const struct module *const *a = pa, *const *b = pb;

	return (*a)->rank < (*b)->rank ? -1 : (*a)->rank > (*b)->rank;
}

/* Replaces the direct needs of each by all of them. In falling rank, what a module needs has been completed before it. */
static void complete_deps(struct modset *s)
{
	AUTO_MEM struct module **ranked = mem_array(s->n, sizeof(*ranked));
	AUTO_MEM struct module **all = mem_array(s->n, sizeof(*all));
	AUTO_MEM size_t *seen_by = mem_array(s->n, sizeof(*seen_by));

	for (size_t i = 0; i < s->n; i++)
		ranked[s->modules[i].rank] = &s->modules[i];
	for (size_t r = s->n; r-- > 0;) {
		struct module *m = ranked[r];
		size_t n = 0;
		for (size_t k = 0; k < m->n_deps; k++) {
			struct module *d = &s->modules[m->deps[k]];
			if (seen_by[m->deps[k]] != r + 1)
				all[n++] = d;
			seen_by[m->deps[k]] = r + 1;
			for (size_t j = 0; j < d->n_deps; j++) {
				if (seen_by[d->deps[j]] != r + 1)
					all[n++] = &s->modules[d->deps[j]];
				seen_by[d->deps[j]] = r + 1;
			}
		}
		if (n)
			qsort(all, n, sizeof(*all), by_rank);
		m->deps = mem_resize(m->deps, n, sizeof(*m->deps));
		m->n_deps = n;
		for (size_t k = 0; k < n; k++)
			m->deps[k] = (size_t)(all[k] - s->modules);
	}
}

int kfile_modset_finish(struct modset *s, struct err *e)
{
	sort_modules(s);
	find_owners(s);
	find_deps(s);
	if (rank_modules(s, e) < 0)
		return -1;
	complete_deps(s);
	return 0;
}

const char *kfile_modset_release(const struct modset *s)
{
	return s->vermagic;
}

size_t kfile_modset_count(const struct modset *s)
{
	return s->n;
}

const char *kfile_modset_path(const struct modset *s, size_t i)
{
	return s->modules[i].path;
}

const char *kfile_modset_name(const struct modset *s, size_t i)
{
	return s->modules[i].name;
}

size_t kfile_modset_find(const struct modset *s, const char *name)
{
	AUTO_MEM char *plain = kfile_modinfo_name(name);
	size_t known = names_find(&s->names, plain);

	return known == NAMES_NONE ? SIZE_MAX : s->by_name[known];
}

bool kfile_modset_is_builtin(const struct modset *s, const char *name)
{
	AUTO_MEM char *plain = kfile_modinfo_name(name);

	return names_find(&s->builtin, plain) != NAMES_NONE;
}
