/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reader takes or refuses any bytes; what it takes can be walked and found again by key. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct toml *t, const struct toml_value *v)
{
	if (v->at > t->len)
		abort();
	if (v->kind == TOML_STRING && v->string.text[v->string.len])
		abort();
	if (v->kind != TOML_ARRAY && v->kind != TOML_TABLE)
		return;
	for (size_t i = 0; i < v->list.n; i++) {
		const struct toml_value *item = v->list.items[i];

		if (v->kind == TOML_TABLE && strlen(item->key) == item->key_len && toml_get(v, item->key) != item)
			abort();
		walk(t, item);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct toml *t = NULL;
	struct err e = { 0 };

	if (toml_parse((const char *)data, size, "fuzz", &t, &e) < 0) {
		if (e.code != ERR_INVALID || t)
			abort();
		return 0;
	}
	walk(t, &t->root);
	toml_free(t);
	return 0;
}
