/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kfile/modindex.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kfile/modset_internal.h"
#include "kfile/trie.h"

/* As kmod looks aliases up: '-' is '_', but within brackets. NULL for unmatched brackets. Caller frees. */
static char *alias_key(const char *alias)
{
	char *key = mem_strdup(alias);

	for (char *p = key; *p; p++) {
		if (*p == '[')
			p = strchr(p, ']');
		else if (*p == ']')
			p = NULL;
		else if (*p == '-')
			*p = '_';
		if (!p) {
			free(key);
			return NULL;
		}
	}
	return key;
}

static void dep_line(const struct modset *s, const struct module *m, struct str *out)
{
	str_addf(out, "%s:", m->path);
	for (size_t i = 0; i < m->n_deps; i++)
		str_addf(out, " %s", s->modules[m->deps[i]].path);
}

static void make_dep(const struct modset *s, struct str *text, struct trie *bin)
{
	for (size_t i = 0; i < s->n; i++) {
		AUTO_DONE(str_done) struct str line = STR_INIT;
		dep_line(s, &s->modules[i], &line);
		trie_add(bin, s->modules[i].name, line.data, (uint32_t)i);
		str_addf(text, "%s\n", line.data);
	}
}

static void make_alias(const struct modset *s, struct str *text, struct trie *bin)
{
	str_add(text, "# Aliases extracted from modules themselves.\n");
	for (size_t i = 0; i < s->n; i++) {
		const struct module *m = &s->modules[i];
		for (size_t k = 0; k < m->aliases.n; k++) {
			AUTO_MEM char *key = alias_key(m->aliases.v[k]);
			str_addf(text, "alias %s %s\n", m->aliases.v[k], m->name);
			if (key)
				trie_add(bin, key, m->name, (uint32_t)i);
		}
	}
}

static void make_symbols(const struct modset *s, struct str *text, struct trie *bin)
{
	str_add(text, "# Aliases for symbols, used by symbol_request().\n");
	for (size_t i = 0; i < s->symbols.n; i++) {
		if (s->owners[i] == SIZE_MAX)
			continue;
		const char *owner = s->modules[s->owners[i]].name;
		AUTO_MEM char *key = mem_printf("symbol:%s", s->symbols.text[i]);
		str_addf(text, "alias %s %s\n", key, owner);
		trie_add(bin, key, owner, (uint32_t)s->owners[i]);
	}
}

static void make_softdep(const struct modset *s, struct str *text, struct trie *bin)
{
	str_add(text, "# Soft dependencies extracted from modules themselves.\n");
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->modules[i].softdeps.n; k++)
			str_addf(text, "softdep %s %s\n", s->modules[i].name, s->modules[i].softdeps.v[k]);
}

static void make_weakdep(const struct modset *s, struct str *text, struct trie *bin)
{
	str_add(text, "# Weak dependencies extracted from modules themselves.\n");
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->modules[i].weakdeps.n; k++)
			str_addf(text, "weakdep %s %s\n", s->modules[i].name, s->modules[i].weakdeps.v[k]);
}

/* The device node of a module: the name of its "devname:" alias with the number of the alias "char-major-N-M" or "block-major-N-M". */
static void devname_line(const struct module *m, struct str *text)
{
	const char *node = NULL;
	unsigned major = 0, minor = 0, x, y;
	char type = '\0';

	for (size_t k = 0; k < m->aliases.n && !(type && node); k++) {
		const char *alias = m->aliases.v[k];
		if (str_starts(alias, "devname:"))
			node = alias + strlen("devname:");
		else if (sscanf(alias, "char-major-%9u-%9u", &x, &y) == 2 || sscanf(alias, "block-major-%9u-%9u", &x, &y) == 2) {
			type = alias[0];
			major = x;
			minor = y;
		}
	}
	if (type && node)
		str_addf(text, "%s %s %c%u:%u\n", m->name, node, type, major, minor);
}

static void make_devname(const struct modset *s, struct str *text, struct trie *bin)
{
	for (size_t i = 0; i < s->n; i++)
		devname_line(&s->modules[i], text);
	if (!text->len)
		return;
	AUTO_MEM char *lines = str_take(text);
	str_addf(text, "# Device nodes to trigger on-demand module loading.\n%s", lines);
}

static void make_builtin(const struct modset *s, struct str *text, struct trie *bin)
{
	for (size_t i = 0; i < s->builtin.n; i++)
		trie_add(bin, s->builtin.text[i], "", 0);
}

static void make_builtin_alias(const struct modset *s, struct str *text, struct trie *bin)
{
	for (size_t i = 0; i < s->builtin_aliases.n; i++) {
		AUTO_MEM char *key = alias_key(s->builtin_aliases.v[i]);
		if (key)
			trie_add(bin, key, s->builtin_alias_names.v[i], 0);
	}
}

static const struct index {
	const char *text, *bin; /* file names, or NULL */
	void (*make)(const struct modset *s, struct str *text, struct trie *bin);
} INDEXES[] = {
	{ "modules.dep", "modules.dep.bin", make_dep },
	{ "modules.alias", "modules.alias.bin", make_alias },
	{ "modules.symbols", "modules.symbols.bin", make_symbols },
	{ "modules.softdep", NULL, make_softdep },
	{ "modules.weakdep", NULL, make_weakdep },
	{ "modules.devname", NULL, make_devname },
	{ NULL, "modules.builtin.bin", make_builtin },
	{ NULL, "modules.builtin.alias.bin", make_builtin_alias },
};

static MUST int write_index(const struct modset *s, const struct index *ix, modindex_fn fn, void *arg, struct err *e)
{
	AUTO_DONE(str_done) struct str text = STR_INIT;
	AUTO_DONE(str_done) struct str out = STR_INIT;
	AUTO_DONE(trie_done) struct trie bin = { 0 };

	ix->make(s, &text, &bin);
	if (ix->text && fn(arg, ix->text, text.data ? text.data : "", text.len, e) < 0)
		return -1;
	if (!ix->bin)
		return 0;
	trie_write(&bin, &out);
	return fn(arg, ix->bin, out.data, out.len, e);
}

int kfile_modindex_write(const struct modset *s, modindex_fn fn, void *arg, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(INDEXES); i++)
		if (write_index(s, &INDEXES[i], fn, arg, e) < 0)
			return -1;
	return 0;
}
