/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Symbols come from .symtab, as depmod takes them: imports are its undefined entries, exports those that have a __crc_ twin, or, in a
 * kernel without symbol versions, the texts of __ksymtab_strings. */
#include "kfile/modinfo.h"

#include <string.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/str.h"
#include "kfile/kfile_internal.h"

#define SYMBOL_BYTES 24 /* Elf64_Sym */
#define SHN_UNDEF 0
#define CRC_PREFIX "__crc_"

static const char *const ENDINGS[] = { ".ko", ".ko.gz", ".ko.xz", ".ko.zst" };

/* Length of path without a module's ending; 0 when it has none. */
static size_t stem_length(const char *path)
{
	size_t n = strlen(path);

	for (size_t i = 0; i < ARRAY_LEN(ENDINGS); i++)
		if (str_ends(path, ENDINGS[i]))
			return n - strlen(ENDINGS[i]);
	return 0;
}

int kfile_modinfo_is_module(const char *path)
{
	size_t n = stem_length(path);

	return n && path[n - 1] != '/';
}

char *kfile_modinfo_plain_path(const char *path)
{
	size_t n = stem_length(path);

	return mem_strndup(path, n ? n + strlen(ENDINGS[0]) : strlen(path));
}

char *kfile_modinfo_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	size_t n = stem_length(base);
	char *name = mem_strndup(base, n ? n : strlen(base));

	for (char *p = name; *p; p++)
		if (*p == '-')
			*p = '_';
	return name;
}

static void list_add(struct modinfo_list *l, const char *s)
{
	l->v = mem_grow(l->v, l->n, sizeof(*l->v));
	l->v[l->n++] = s;
}

/* A copy of a section's strings at *at, ended by a NUL of its own; *at moves behind. */
static char *take_strings(const struct elf_part *part, char **at)
{
	char *copy = *at;

	if (part->n)
		memcpy(copy, part->data, part->n);
	copy[part->n] = '\0';
	*at += part->n + 1;
	return copy;
}

/* "a,b,c" into its words. */
static void take_depends(struct modinfo *m, char *value)
{
	for (char *word = value; *word;) {
		char *comma = strchrnul(word, ',');
		char *next = *comma ? comma + 1 : comma;
		*comma = '\0';
		if (*word)
			list_add(&m->depends, word);
		word = next;
	}
}

static void take_pair(struct modinfo *m, const char *key, char *value)
{
	if (str_eq(key, "alias"))
		list_add(&m->aliases, value);
	else if (str_eq(key, "softdep"))
		list_add(&m->softdeps, value);
	else if (str_eq(key, "weakdep"))
		list_add(&m->weakdeps, value);
	else if (str_eq(key, "depends"))
		take_depends(m, value);
	else if (str_eq(key, "name") && !m->name)
		m->name = value;
	else if (str_eq(key, "license") && !m->license)
		m->license = value;
	else if (str_eq(key, "vermagic") && !m->vermagic)
		m->vermagic = value;
}

/* .modinfo is KEY=VALUE texts, each ended by one or more NULs. */
static void take_modinfo(struct modinfo *m, char *text, size_t n)
{
	for (size_t at = 0; at < n;) {
		char *pair = text + at;
		size_t len = strlen(pair);
		char *equals = strchr(pair, '=');
		at += len + 1;
		if (!equals)
			continue;
		*equals = '\0';
		take_pair(m, pair, equals + 1);
	}
}

static MUST int take_symbols(struct modinfo *m, const struct elf_part *table, const char *names, size_t n_names, struct err *e)
{
	if (table->n % SYMBOL_BYTES)
		return err_set(e, ERR_CORRUPT, "module is damaged: odd size of its symbol table");
	for (size_t at = SYMBOL_BYTES; at < table->n; at += SYMBOL_BYTES) {
		const uint8_t *s = table->data + at;
		uint32_t name = le32(s);
		if (name >= n_names)
			return err_set(e, ERR_CORRUPT, "module is damaged: a symbol's name lies outside of its strings");
		if (str_starts(names + name, CRC_PREFIX))
			list_add(&m->exports, names + name + strlen(CRC_PREFIX));
		if (le16(s + 6) == SHN_UNDEF && names[name])
			list_add(&m->imports, names + name);
	}
	return 0;
}

static void take_ksymtab_strings(struct modinfo *m, const char *text, size_t n)
{
	for (size_t at = 0; at < n; at += strlen(text + at) + 1)
		if (text[at])
			list_add(&m->exports, text + at);
}

static MUST int parse(const struct elf_view *v, struct modinfo *m, struct err *e)
{
	struct elf_part info, symbols, strings, ksymtab;

	if (kfile_elf_find(v, ".modinfo", &info, e) < 0 || kfile_elf_find(v, ".symtab", &symbols, e) < 0 ||
	    kfile_elf_find(v, ".strtab", &strings, e) < 0 || kfile_elf_find(v, "__ksymtab_strings", &ksymtab, e) < 0)
		return -1;
	if (!info.n)
		return err_set(e, ERR_INVALID, "not a kernel module: it has no .modinfo");
	char *at = m->block = mem_new(info.n + strings.n + ksymtab.n + 3);
	take_modinfo(m, take_strings(&info, &at), info.n);
	if (take_symbols(m, &symbols, take_strings(&strings, &at), strings.n, e) < 0)
		return -1;
	if (!m->exports.n)
		take_ksymtab_strings(m, take_strings(&ksymtab, &at), ksymtab.n);
	return 0;
}

int kfile_modinfo_parse(const void *ko, size_t n, struct modinfo *ret, struct err *e)
{
	AUTO_DONE(kfile_modinfo_done) struct modinfo m = { 0 };
	struct elf_view v;

	if (kfile_elf_view(ko, n, &v, e) < 0)
		return e->code == ERR_INVALID ? err_wrap(e, "not a kernel module") : -1;
	if (v.type != ELF_TYPE_REL)
		return err_set(e, ERR_INVALID, "not a kernel module: no object file");
	if (parse(&v, &m, e) < 0)
		return -1;
	*ret = m;
	m = (struct modinfo){ 0 };
	return 0;
}

void kfile_modinfo_done(struct modinfo *m)
{
	struct modinfo_list *lists[] = { &m->aliases, &m->softdeps, &m->weakdeps, &m->depends, &m->exports, &m->imports };

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		free(lists[i]->v);
	free(m->block);
	*m = (struct modinfo){ 0 };
}
