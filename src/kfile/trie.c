/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The trie is never built: sorted entries are one already, and its nodes are written from the leaves up. */
#include "kfile/trie.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define MAGIC 0xb007f457u
#define VERSION 0x00020001u
#define HAS_PREFIX 0x80000000u
#define HAS_VALUES 0x40000000u
#define HAS_CHILDREN 0x20000000u
#define CHARACTERS 128
#define KEY_MAX 2048 /* bounds the recursion; kmod's own lookups end at 4096 */

static bool is_ascii(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s >= CHARACTERS)
			return false;
	return true;
}

void trie_add(struct trie *t, const char *key, const char *value, uint32_t priority)
{
	if (!is_ascii(key) || !is_ascii(value) || strlen(key) > KEY_MAX)
		return;
	t->v = mem_grow(t->v, t->n, sizeof(*t->v));
	t->v[t->n] = (struct trie_entry){ mem_strdup(key), mem_strdup(value), priority, t->n };
	t->n++;
}

void trie_done(struct trie *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->v[i].key);
		free(t->v[i].value);
	}
	free(t->v);
	*t = (struct trie){ 0 };
}

static int by_key(const void *pa, const void *pb)
{
	const struct trie_entry *a = pa, *b = pb;
	int r = strcmp(a->key, b->key);

	if (r)
		return r;
	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	return a->place > b->place ? -1 : a->place < b->place;
}

static void add_be32(struct str *out, uint32_t v)
{
	char b[4] = { (char)(v >> 24), (char)(v >> 16), (char)(v >> 8), (char)v };

	str_add_bytes(out, b, sizeof(b));
}

static void add_text(struct str *out, const char *s)
{
	str_add_bytes(out, s, strlen(s) + 1);
}

/* Length of what all entries have in common behind at. */
static size_t common_prefix(const struct trie_entry *v, size_t n, size_t at)
{
	const char *a = v[0].key + at, *b = v[n - 1].key + at;
	size_t len = 0;

	while (a[len] && a[len] == b[len])
		len++;
	return len;
}

static size_t write_children(const struct trie_entry *v, size_t n, size_t at, uint32_t refs[static CHARACTERS], struct str *out);

/* Writes the node of entries that share their first at characters; gives the reference to it. */
static uint32_t write_node(const struct trie_entry *v, size_t n, size_t at, bool root, struct str *out)
{
	uint32_t refs[CHARACTERS] = { 0 }, flags = 0;
	size_t prefix = root ? 0 : common_prefix(v, n, at), values = 0;
	size_t end = at + prefix;

	while (values < n && !v[values].key[end])
		values++;
	size_t children = values < n ? write_children(v + values, n - values, end, refs, out) : 0;
	size_t offset = out->len;
	if (prefix) {
		flags |= HAS_PREFIX;
		str_add_bytes(out, v[0].key + at, prefix);
		str_add_char(out, '\0');
	}
	if (children) {
		unsigned first = (unsigned char)v[values].key[end], last = (unsigned char)v[n - 1].key[end];
		flags |= HAS_CHILDREN;
		str_add_char(out, (char)first);
		str_add_char(out, (char)last);
		for (unsigned c = first; c <= last; c++)
			add_be32(out, refs[c]);
	}
	if (values) {
		flags |= HAS_VALUES;
		add_be32(out, (uint32_t)values);
		for (size_t i = 0; i < values; i++) {
			add_be32(out, v[i].priority);
			add_text(out, v[i].value);
		}
	}
	return (uint32_t)offset | flags;
}

static size_t write_children(const struct trie_entry *v, size_t n, size_t at, uint32_t refs[static CHARACTERS], struct str *out)
{
	size_t count = 0;

	for (size_t from = 0, to; from < n; from = to) {
		unsigned c = (unsigned char)v[from].key[at];
		for (to = from; to < n && (unsigned char)v[to].key[at] == c;)
			to++;
		refs[c] = write_node(v + from, to - from, at + 1, false, out);
		count++;
	}
	return count;
}

void trie_write(struct trie *t, struct str *out)
{
	struct str body = STR_INIT;

	add_be32(&body, MAGIC);
	add_be32(&body, VERSION);
	add_be32(&body, 0);
	if (t->n)
		qsort(t->v, t->n, sizeof(*t->v), by_key);
	uint32_t root = write_node(t->v, t->n, 0, true, &body);
	for (int i = 0; i < 4; i++)
		body.data[8 + i] = (char)(root >> (24 - 8 * i));
	str_add_bytes(out, body.data, body.len);
	str_done(&body);
}
