/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Makes small kernel modules: what depmod and we look at, and nothing else. Include after unit.h. */

#include "base/str.h"

struct ko {
	const char *const *info;    /* "alias=...", ended by NULL */
	const char *const *exports; /* NULL-ended, or NULL */
	const char *const *imports;
	int crcs;                   /* exports have __crc_ twins, as with CONFIG_MODVERSIONS; else only __ksymtab_strings */
};

struct ko_section {
	const char *name;
	unsigned type, link, entry;
	struct str body;
};

static inline void ko_put(struct str *out, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		str_add_char(out, i < 8 ? (char)(v >> (8 * i)) : 0);
}

static inline void ko_symbol(struct str *symbols, struct str *names, const char *prefix, const char *name, unsigned section)
{
	ko_put(symbols, names->len, 4);
	ko_put(symbols, 0x10, 2); /* global */
	ko_put(symbols, section, 2);
	ko_put(symbols, 0, 16);
	str_add(names, prefix);
	str_add_bytes(names, name, strlen(name) + 1);
}

static inline void ko_fill(struct ko_section *s, const struct ko *ko)
{
	for (size_t i = 0; ko->info && ko->info[i]; i++)
		str_add_bytes(&s[1].body, ko->info[i], strlen(ko->info[i]) + 1);
	ko_put(&s[2].body, 0, 24);
	str_add_char(&s[3].body, '\0');
	for (size_t i = 0; ko->imports && ko->imports[i]; i++)
		ko_symbol(&s[2].body, &s[3].body, "", ko->imports[i], 0);
	for (size_t i = 0; ko->exports && ko->exports[i]; i++) {
		ko_symbol(&s[2].body, &s[3].body, "", ko->exports[i], 1);
		if (ko->crcs)
			ko_symbol(&s[2].body, &s[3].body, "__crc_", ko->exports[i], 0xfff1);
		str_add_bytes(&s[4].body, ko->exports[i], strlen(ko->exports[i]) + 1);
	}
}

/* The file; *ret is filled up, the caller gives it back with str_done. */
static inline void ko_make(const struct ko *ko, struct str *ret)
{
	struct ko_section s[] = { { "" }, { ".modinfo", 1 }, { ".symtab", 2, 3, 24 }, { ".strtab", 3 }, { "__ksymtab_strings", 1 },
				  { ".shstrtab", 3 } };
	const size_t n = sizeof(s) / sizeof(s[0]);
	size_t offset = 64, at = 64;

	ko_fill(s, ko);
	for (size_t i = 0; i < n; i++)
		str_add_bytes(&s[n - 1].body, s[i].name, strlen(s[i].name) + 1);
	for (size_t i = 0; i < n; i++)
		offset += s[i].body.len;
	str_add_bytes(ret, "\x7f" "ELF\2\1\1\0\0\0\0\0\0\0\0\0", 16);
	ko_put(ret, 1, 2);
	ko_put(ret, 62, 2);
	ko_put(ret, 1, 4);
	ko_put(ret, 0, 16);
	ko_put(ret, offset, 8);
	ko_put(ret, 0, 4);
	ko_put(ret, 64, 2);
	ko_put(ret, 0, 4);
	ko_put(ret, 64, 2);
	ko_put(ret, n, 2);
	ko_put(ret, n - 1, 2);
	for (size_t i = 0; i < n; i++)
		str_add_bytes(ret, s[i].body.data ? s[i].body.data : "", s[i].body.len);
	for (size_t i = 0, name = 0; i < n; i++) {
		ko_put(ret, name, 4);
		ko_put(ret, s[i].type, 4);
		ko_put(ret, 0, 16);
		ko_put(ret, i ? at : 0, 8);
		ko_put(ret, s[i].body.len, 8);
		ko_put(ret, s[i].link, 4);
		ko_put(ret, s[i].type == 2 ? 1 : 0, 4);
		ko_put(ret, 1, 8);
		ko_put(ret, s[i].entry, 8);
		name += strlen(s[i].name) + 1;
		at += s[i].body.len;
		str_done(&s[i].body);
	}
}
