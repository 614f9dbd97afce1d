/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* Where in the text a value stands, for the error: a member's name, or an index when name is NULL. */
struct place {
	const struct place *up;
	const char *name;
	size_t index;
};

static void place_write(const struct place *p, struct str *out)
{
	if (!p)
		return;
	place_write(p->up, out);
	if (p->name)
		str_addf(out, "%s%s", out->len ? "." : "", p->name);
	else
		str_addf(out, "[%zu]", p->index);
}

static int fail(const struct place *p, const char *what, struct err *e)
{
	AUTO_DONE(str_done) struct str text = STR_INIT;

	place_write(p, &text);
	if (!text.len)
		return err_set(e, ERR_INVALID, "the whole %s", what);
	return err_set(e, ERR_INVALID, "'%s' %s", text.data, what);
}

static void *member(void *p, size_t at)
{
	return (char *)p + at;
}

static const void *member_const(const void *p, size_t at)
{
	return (const char *)p + at;
}

/* Pointers to structs and to strings are read and stored by the same code: as bytes, for they are of different types. */
static char *load(const void *at)
{
	char *p;

	memcpy(&p, at, sizeof(p));
	return p;
}

static char *store(void *at, void *p)
{
	memcpy(at, &p, sizeof(p));
	return p;
}

static bool is_pointer(const struct json_field *f)
{
	return f->kind == JSON_STRUCT && f->flags & JSON_OPTIONAL;
}

/* Bytes of one value of the field: of one element where it is an array. */
static size_t value_size(const struct json_field *f)
{
	switch ((enum json_kind)f->kind) {
	case JSON_BOOL:
		return sizeof(bool);
	case JSON_INT:
		return sizeof(int64_t);
	case JSON_FLOAT:
		return sizeof(double);
	case JSON_STRING:
	case JSON_OBJECT:
		return sizeof(char *);
	case JSON_STRUCT:
		return f->type->size;
	case JSON_ENUM:
		return sizeof(unsigned);
	}
	abort();
}

/* --- decoding --- */

static MUST int decode_object(const struct json_type *type, const struct json *from, unsigned flags, const struct place *at, void *ret,
	struct err *e);

static MUST int decode_value(const struct json_field *f, const struct json *from, unsigned flags, const struct place *at, void *ret,
	struct err *e)
{
	struct str text = STR_INIT;

	switch ((enum json_kind)f->kind) {
	case JSON_BOOL:
		if (!json_is_bool(from))
			return fail(at, "is not true or false", e);
		*(bool *)ret = json_bool(from, false);
		return 0;
	case JSON_INT:
		return json_is_int(from, ret) ? 0 : fail(at, "is not a whole number of 64 bits", e);
	case JSON_FLOAT:
		if (!json_is_number(from))
			return fail(at, "is not a number", e);
		*(double *)ret = json_float(from, 0);
		return 0;
	case JSON_STRING:
		if (!json_string(from))
			return fail(at, "is not a string", e);
		store(ret, mem_strdup(json_string(from)));
		return 0;
	case JSON_OBJECT:
		if (!json_is_object(from))
			return fail(at, "is not an object", e);
		json_write(from, &text);
		store(ret, str_take(&text));
		return 0;
	case JSON_STRUCT:
		return decode_object(f->type, from, flags, at, ret, e);
	case JSON_ENUM:
		*(unsigned *)ret = json_enum_parse(f->values, json_string(from));
		return *(unsigned *)ret ? 0 : fail(at, "is none of the known words", e);
	}
	abort();
}

static MUST int decode_array(const struct json_field *f, const struct json *from, unsigned flags, const struct place *up, void *ret,
	struct err *e)
{
	struct place at = { .up = up };
	size_t *n = member(ret, f->aside), total = 0, size = value_size(f);
	char *items;

	if (!json_is_array(from))
		return fail(up, "is not an array", e);
	for (const struct json *m = json_first(from); m; m = json_next(m))
		total++;
	/* An empty array is there all the same: the pointer says so. */
	items = store(member(ret, f->at), mem_array(total ? total : 1, size));
	for (const struct json *m = json_first(from); m; m = json_next(m)) {
		at.index = *n;
		/* Counted before it is filled, so that json_done sees it; its bytes are zero. */
		if (decode_value(f, m, flags, &at, items + (*n)++ * size, e) < 0)
			return -1;
	}
	return 0;
}

static MUST int decode_field(const struct json_field *f, const struct json *from, unsigned flags, const struct place *at, void *ret,
	struct err *e)
{
	void *to = member(ret, f->at);

	if (f->flags & JSON_ARRAY)
		return decode_array(f, from, flags, at, ret, e);
	if (f->flags & JSON_OPTIONAL && f->kind <= JSON_FLOAT)
		*(bool *)member(ret, f->aside) = true;
	if (is_pointer(f))
		to = store(to, mem_new(f->type->size));
	return decode_value(f, from, flags, at, to, e);
}

static uint32_t find_field(const struct json_type *type, const char *name)
{
	uint32_t i = 0;

	while (i < type->n_fields && strcmp(type->fields[i].name, name))
		i++;
	return i;
}

static MUST int decode_object(const struct json_type *type, const struct json *from, unsigned flags, const struct place *up, void *ret,
	struct err *e)
{
	uint64_t seen = 0, filled = 0;

	if (!json_is_object(from))
		return fail(up, "is not an object", e);
	for (const struct json *m = json_first(from); m; m = json_next(m)) {
		struct place at = { .up = up, .name = json_key(m) };
		uint32_t i = find_field(type, json_key(m));
		if (i == type->n_fields) {
			if (flags & JSON_STRICT)
				return fail(&at, "is unknown", e);
			continue;
		}
		if (seen >> i & 1)
			return fail(&at, "is there twice", e);
		seen |= 1ull << i;
		if (json_is_null(m))
			continue;
		filled |= 1ull << i;
		if (decode_field(&type->fields[i], m, flags, &at, ret, e) < 0)
			return -1;
	}
	for (uint32_t i = 0; i < type->n_fields; i++) {
		struct place at = { .up = up, .name = type->fields[i].name };
		if (!(filled >> i & 1) && !(type->fields[i].flags & JSON_OPTIONAL))
			return fail(&at, "is missing", e);
	}
	return 0;
}

int json_decode_tree(const struct json_type *type, const struct json *from, unsigned flags, void *ret, struct err *e)
{
	AUTO_MEM char *fresh = mem_new(type->size);

	assert(type->n_fields <= JSON_MAX_FIELDS);
	if (decode_object(type, from, flags, NULL, fresh, e) < 0) {
		json_done(type, fresh);
		return -1;
	}
	memcpy(ret, fresh, type->size);
	return 0;
}

int json_decode(const struct json_type *type, const char *text, size_t n, unsigned flags, void *ret, struct err *e)
{
	AUTO(json_free) struct json *j = NULL;

	if (json_parse(text, n, &j, e) < 0)
		return -1;
	return json_decode_tree(type, j, flags, ret, e);
}

/* --- encoding --- */

static void encode_object(const struct json_type *type, const void *from, struct json_writer *w, const char *key);

static void encode_value(const struct json_field *f, const void *from, struct json_writer *w, const char *key)
{
	switch ((enum json_kind)f->kind) {
	case JSON_BOOL:
		json_put_bool(w, key, *(const bool *)from);
		return;
	case JSON_INT:
		json_put_int(w, key, *(const int64_t *)from);
		return;
	case JSON_FLOAT:
		json_put_float(w, key, *(const double *)from);
		return;
	case JSON_STRING:
		json_put_string(w, key, load(from) ? load(from) : "");
		return;
	case JSON_OBJECT:
		json_put_raw(w, key, load(from) ? load(from) : "{}");
		return;
	case JSON_STRUCT:
		encode_object(f->type, from, w, key);
		return;
	case JSON_ENUM:
		assert(*(const unsigned *)from - 1 < f->values->n);
		json_put_string(w, key, json_enum_text(f->values, *(const unsigned *)from));
		return;
	}
	abort();
}

/* An optional member that is not there. */
static bool is_absent(const struct json_field *f, const void *from)
{
	const void *at = member_const(from, f->at);

	if (!(f->flags & JSON_OPTIONAL))
		return false;
	if (f->flags & JSON_ARRAY || f->kind == JSON_STRUCT || f->kind == JSON_STRING || f->kind == JSON_OBJECT)
		return load(at) == NULL;
	if (f->kind == JSON_ENUM)
		return *(const unsigned *)at == 0;
	return !*(const bool *)member_const(from, f->aside);
}

static void encode_object(const struct json_type *type, const void *from, struct json_writer *w, const char *key)
{
	json_open(w, key, '{');
	for (uint32_t i = 0; i < type->n_fields; i++) {
		const struct json_field *f = &type->fields[i];
		const void *at = member_const(from, f->at);
		if (is_absent(f, from))
			continue;
		if (f->flags & JSON_ARRAY) {
			json_open(w, f->name, '[');
			for (size_t k = 0; k < *(const size_t *)member_const(from, f->aside); k++)
				encode_value(f, load(at) + k * value_size(f), w, NULL);
			json_close(w);
		} else {
			encode_value(f, is_pointer(f) ? load(at) : at, w, f->name);
		}
	}
	json_close(w);
}

void json_encode(const struct json_type *type, const void *from, struct str *out)
{
	struct json_writer w = { .out = out };

	encode_object(type, from, &w, NULL);
}

void json_encode_pretty(const struct json_type *type, const void *from, struct str *out)
{
	struct json_writer w = { .out = out, .pretty = true };

	encode_object(type, from, &w, NULL);
	str_add_char(out, '\n');
}

/* --- freeing and copying --- */

static bool holds_memory(const struct json_field *f)
{
	return f->kind == JSON_STRING || f->kind == JSON_OBJECT || f->kind == JSON_STRUCT;
}

static void value_done(const struct json_field *f, void *at)
{
	if (f->kind == JSON_STRUCT)
		json_done(f->type, at);
	else if (holds_memory(f))
		free(load(at));
}

/* The values of a field: the member itself, or what it points to. */
static char *values_of(const struct json_field *f, void *p, size_t *ret_n)
{
	char *at = member(p, f->at);

	*ret_n = f->flags & JSON_ARRAY ? *(size_t *)member(p, f->aside) : 1;
	return f->flags & JSON_ARRAY || is_pointer(f) ? load(at) : at;
}

void json_done(const struct json_type *type, void *p)
{
	for (uint32_t i = 0; i < type->n_fields; i++) {
		const struct json_field *f = &type->fields[i];
		size_t n;
		char *values = values_of(f, p, &n);
		for (size_t k = 0; values && holds_memory(f) && k < n; k++)
			value_done(f, values + k * value_size(f));
		if (values != member(p, f->at))
			free(values);
	}
	memset(p, 0, type->size);
}

static void value_copy(const struct json_field *f, void *to, const void *from)
{
	if (f->kind == JSON_STRUCT)
		json_copy(f->type, to, from);
	else if (holds_memory(f))
		store(to, mem_strdup(load(from)));
	else
		memmove(to, from, value_size(f));
}

void json_copy(const struct json_type *type, void *to, const void *from)
{
	/* Flat first; then everything that would be shared is made again in place. */
	memmove(to, from, type->size);
	for (uint32_t i = 0; i < type->n_fields; i++) {
		const struct json_field *f = &type->fields[i];
		size_t n;
		char *shared = values_of(f, to, &n), *own = shared;
		if (!shared)
			continue;
		if (shared != member(to, f->at))
			own = store(member(to, f->at), mem_array(n ? n : 1, value_size(f)));
		for (size_t k = 0; k < n; k++)
			value_copy(f, own + k * value_size(f), shared + k * value_size(f));
	}
}

const char *json_enum_text(const struct json_enum *values, unsigned value)
{
	return value - 1 < values->n ? values->texts[value - 1] : "unknown";
}

unsigned json_enum_parse(const struct json_enum *values, const char *text)
{
	for (unsigned i = 0; text && i < values->n; i++)
		if (strcmp(values->texts[i], text) == 0)
			return i + 1;
	return 0;
}
