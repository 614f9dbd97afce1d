/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kfile/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* FNV-1a */
static size_t slot_of(const struct names *t, const char *s)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (const char *p = s; *p; p++)
		h = (h ^ (unsigned char)*p) * 0x100000001b3u;
	return (size_t)(h ^ h >> 32) & (t->n_slots - 1);
}

/* The slot that holds s, or the free one where it belongs. */
static size_t probe(const struct names *t, const char *s)
{
	size_t i = slot_of(t, s);

	while (t->slots[i] && strcmp(t->text[t->slots[i] - 1], s))
		i = (i + 1) & (t->n_slots - 1);
	return i;
}

static void widen(struct names *t)
{
	free(t->slots);
	t->n_slots = t->n_slots ? t->n_slots * 2 : 64;
	t->slots = mem_array(t->n_slots, sizeof(*t->slots));
	for (size_t i = 0; i < t->n; i++)
		t->slots[probe(t, t->text[i])] = (uint32_t)i + 1;
}

size_t names_add(struct names *t, const char *s)
{
	if (t->n * 2 >= t->n_slots)
		widen(t);
	size_t at = probe(t, s);
	if (t->slots[at])
		return t->slots[at] - 1;
	t->text = mem_grow(t->text, t->n, sizeof(*t->text));
	t->text[t->n++] = mem_strdup(s);
	t->slots[at] = (uint32_t)t->n;
	return t->n - 1;
}

size_t names_find(const struct names *t, const char *s)
{
	if (!t->n)
		return NAMES_NONE;
	size_t at = probe(t, s);
	return t->slots[at] ? t->slots[at] - 1 : NAMES_NONE;
}

void names_done(struct names *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->text[i]);
	free(t->text);
	free(t->slots);
	*t = (struct names){ 0 };
}
