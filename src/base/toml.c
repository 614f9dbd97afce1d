/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Documents, tables, keys and arrays. What a table may still take depends on how it came to be: see enum defined. */
#include "base/toml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/toml_internal.h"

enum defined {
	BY_VALUE,    /* inline table, static array, any other value: closed */
	BY_HEADER,   /* [this] */
	BY_SUBTABLE, /* [this.other]: may still get a header of its own */
	BY_DOTS,     /* this.other = 1: takes further dotted keys and sub-tables, but no header */
	BY_ELEMENT,  /* array of tables */
};

/* One part of a dotted key. */
struct part {
	struct str name;
	const char *at;
};

static MUST int read_value(struct toml_reader *r, struct toml_value *v, struct err *e);

void toml_position(const struct toml *t, size_t at, int *ret_line, int *ret_column)
{
	int line = 1, column = 1;

	for (size_t i = 0; i < at && i < t->len; i++) {
		if (t->text[i] == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)t->text[i] & 0xc0) != 0x80) {
			column++;
		}
	}
	*ret_line = line;
	*ret_column = column;
}

static __attribute__((format(printf, 4, 0))) int fail_at(const struct toml *t, size_t at, struct err *e, const char *fmt, va_list ap)
{
	char msg[300];
	int line, column;

	vsnprintf(msg, sizeof(msg), fmt, ap);
	toml_position(t, at, &line, &column);
	return err_set(e, ERR_INVALID, "%s:%d:%d: %s", t->file, line, column, msg);
}

int toml_err(const struct toml *t, const struct toml_value *v, struct err *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail_at(t, v->at, e, fmt, ap);
	va_end(ap);
	return -1;
}

int toml_fail(const struct toml_reader *r, const char *where, struct err *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail_at(r->doc, (size_t)(where - r->doc->text), e, fmt, ap);
	va_end(ap);
	return -1;
}

const char *toml_kind_name(enum toml_kind kind)
{
	static const char *const names[] = { "a string", "an integer", "a float", "a boolean", "a date or time",
		"an array", "a table" };

	return names[kind];
}

static void done_value(struct toml_value *v)
{
	free(v->key);
	if (v->kind == TOML_STRING)
		free(v->string.text);
	if (v->kind != TOML_ARRAY && v->kind != TOML_TABLE)
		return;
	for (size_t i = 0; i < v->list.n; i++) {
		done_value(v->list.items[i]);
		free(v->list.items[i]);
	}
	free(v->list.items);
}

void toml_free(struct toml *t)
{
	if (!t)
		return;
	done_value(&t->root);
	free(t->file);
	free(t->text);
	free(t);
}

static struct toml_value *find(const struct toml_value *table, const char *key, size_t len)
{
	for (size_t i = 0; i < table->list.n; i++) {
		struct toml_value *v = table->list.items[i];

		if (v->key_len == len && memcmp(v->key, key, len) == 0)
			return v;
	}
	return NULL;
}

const struct toml_value *toml_get(const struct toml_value *table, const char *key)
{
	return table->kind == TOML_TABLE ? find(table, key, strlen(key)) : NULL;
}

static struct toml_value *append(struct toml_value *list, enum toml_kind kind, enum defined how)
{
	struct toml_value *v = NEW(struct toml_value);

	v->kind = kind;
	v->defined = (unsigned char)how;
	list->list.items = mem_grow(list->list.items, list->list.n, sizeof(*list->list.items));
	list->list.items[list->list.n++] = v;
	return v;
}

static MUST int add_member(struct toml_reader *r, struct toml_value *table, struct part *key, enum toml_kind kind,
	enum defined how, struct toml_value **ret, struct err *e)
{
	struct toml_value *v;

	if (table->list.n >= TOML_MAX_KEYS)
		return toml_fail(r, key->at, e, "more than %d keys in one table", TOML_MAX_KEYS);
	v = append(table, kind, how);
	v->at = (uint32_t)(key->at - r->doc->text);
	v->key_len = key->name.len;
	v->key = str_take(&key->name);
	*ret = v;
	return 0;
}

static void skip_blanks(struct toml_reader *r)
{
	while (*r->at == ' ' || *r->at == '\t')
		r->at++;
}

static MUST int skip_comment(struct toml_reader *r, struct err *e)
{
	if (*r->at != '#')
		return 0;
	while (r->at < r->end && !toml_newline(r->at)) {
		if (toml_is_control(*r->at))
			return toml_fail(r, r->at, e, "control character 0x%02x in a comment", (unsigned char)*r->at);
		r->at++;
	}
	return 0;
}

/* The rest of a line after a header or value: nothing but a comment. */
static MUST int end_line(struct toml_reader *r, const char *after, struct err *e)
{
	skip_blanks(r);
	if (skip_comment(r, e) < 0)
		return -1;
	if (r->at < r->end && !toml_newline(r->at))
		return toml_fail(r, r->at, e, "only a comment may follow %s on its line", after);
	r->at += toml_newline(r->at);
	return 0;
}

/* Between the elements of an array. */
static MUST int skip_space(struct toml_reader *r, struct err *e)
{
	for (;;) {
		skip_blanks(r);
		if (*r->at == '#') {
			if (skip_comment(r, e) < 0)
				return -1;
		} else if (toml_newline(r->at)) {
			r->at += toml_newline(r->at);
		} else {
			return 0;
		}
	}
}

static bool is_bare(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || toml_is_digit(c) || c == '-' || c == '_';
}

static MUST int read_part(struct toml_reader *r, struct part *ret, struct err *e)
{
	const char *start = r->at;

	ret->at = start;
	str_done(&ret->name);
	if (*start == '"' || *start == '\'')
		return toml_read_string(r, false, &ret->name, e);
	while (is_bare(*r->at))
		r->at++;
	if (r->at == start)
		return toml_fail(r, start, e, "a key was expected here");
	str_add_bytes(&ret->name, start, (size_t)(r->at - start));
	return 0;
}

/* Goes from table into the table that part names. A header may cross all but values, a dotted key only what dotted keys made. */
static MUST int descend(struct toml_reader *r, struct toml_value *table, struct part *part, bool header,
	struct toml_value **ret, struct err *e)
{
	struct toml_value *v = find(table, part->name.data, part->name.len);

	if (!v)
		return add_member(r, table, part, TOML_TABLE, header ? BY_SUBTABLE : BY_DOTS, ret, e);
	if (header && v->kind == TOML_ARRAY && v->defined == BY_ELEMENT)
		v = v->list.items[v->list.n - 1];
	if (v->kind != TOML_TABLE)
		return toml_fail(r, part->at, e, "'%s' is %s, not a table", part->name.data, toml_kind_name(v->kind));
	if (v->defined == BY_VALUE || (!header && v->defined != BY_DOTS))
		return toml_fail(r, part->at, e, "table '%s' is complete and takes no more keys", part->name.data);
	*ret = v;
	return 0;
}

/* Reads a dotted key from r->at; *ret_table is where its last part, left in last, belongs. */
static MUST int read_key(struct toml_reader *r, struct toml_value *from, bool header, struct part *last,
	struct toml_value **ret_table, struct err *e)
{
	struct toml_value *table = from;

	for (int depth = r->depth;; depth++) {
		skip_blanks(r);
		if (depth >= TOML_MAX_DEPTH)
			return toml_fail(r, r->at, e, "nested deeper than %d", TOML_MAX_DEPTH);
		if (read_part(r, last, e) < 0)
			return -1;
		str_reserve(&last->name, 0)[0] = 0; /* "" is a key too */
		skip_blanks(r);
		if (*r->at != '.')
			break;
		r->at++;
		if (descend(r, table, last, header, &table, e) < 0)
			return -1;
	}
	*ret_table = table;
	return 0;
}

static MUST int duplicate(struct toml_reader *r, const struct part *key, const struct toml_value *old, struct err *e)
{
	int line, column;

	toml_position(r->doc, old->at, &line, &column);
	return toml_fail(r, key->at, e, "'%s' is defined twice, first on line %d", key->name.data, line);
}

static MUST int read_pair_part(struct toml_reader *r, struct toml_value *table, struct part *key, struct err *e)
{
	struct toml_value *v;
	const struct toml_value *old;

	if (read_key(r, table, false, key, &table, e) < 0)
		return -1;
	if (*r->at != '=')
		return toml_fail(r, r->at, e, "'=' was expected after key '%s'", key->name.data);
	r->at++;
	skip_blanks(r);
	old = find(table, key->name.data, key->name.len);
	if (old)
		return duplicate(r, key, old, e);
	if (add_member(r, table, key, TOML_BOOLEAN, BY_VALUE, &v, e) < 0)
		return -1;
	return read_value(r, v, e);
}

static MUST int read_pair(struct toml_reader *r, struct toml_value *table, struct err *e)
{
	struct part key = { 0 };
	int rc = read_pair_part(r, table, &key, e);

	str_done(&key.name);
	return rc;
}

static MUST int read_inline_table(struct toml_reader *r, struct toml_value *v, struct err *e)
{
	v->kind = TOML_TABLE;
	r->at++;
	skip_blanks(r);
	if (*r->at == '}') {
		r->at++;
		return 0;
	}
	for (;;) {
		if (read_pair(r, v, e) < 0)
			return -1;
		skip_blanks(r);
		if (*r->at == '}')
			break;
		if (*r->at != ',')
			return toml_fail(r, r->at, e, "',' or '}' was expected in an inline table");
		r->at++;
	}
	r->at++;
	return 0;
}

static MUST int read_array(struct toml_reader *r, struct toml_value *v, struct err *e)
{
	v->kind = TOML_ARRAY;
	r->at++;
	for (;;) {
		struct toml_value *item;

		if (skip_space(r, e) < 0)
			return -1;
		if (*r->at == ']')
			break;
		item = append(v, TOML_BOOLEAN, BY_VALUE);
		item->at = (uint32_t)(r->at - r->doc->text);
		if (read_value(r, item, e) < 0 || skip_space(r, e) < 0)
			return -1;
		if (*r->at == ']')
			break;
		if (*r->at != ',')
			return toml_fail(r, r->at, e, "',' or ']' was expected in an array");
		r->at++;
	}
	r->at++;
	return 0;
}

static MUST int read_text(struct toml_reader *r, struct toml_value *v, struct err *e)
{
	struct str text = STR_INIT;
	int rc = toml_read_string(r, true, &text, e);

	v->kind = TOML_STRING;
	v->string.len = text.len;
	v->string.text = str_take(&text);
	return rc;
}

static MUST int read_value(struct toml_reader *r, struct toml_value *v, struct err *e)
{
	int rc;

	if (++r->depth > TOML_MAX_DEPTH)
		return toml_fail(r, r->at, e, "nested deeper than %d", TOML_MAX_DEPTH);
	if (*r->at == '"' || *r->at == '\'')
		rc = read_text(r, v, e);
	else if (*r->at == '[')
		rc = read_array(r, v, e);
	else if (*r->at == '{')
		rc = read_inline_table(r, v, e);
	else
		rc = toml_read_scalar(r, v, e);
	r->depth--;
	return rc;
}

/* Opens the table that a header names: [key], or a further element of [[key]]. */
static MUST int open_table(struct toml_reader *r, struct toml_value *in, struct part *key, bool element,
	struct toml_value **ret, struct err *e)
{
	struct toml_value *v = find(in, key->name.data, key->name.len);

	if (!element && v && v->kind == TOML_TABLE && v->defined == BY_SUBTABLE) {
		v->defined = BY_HEADER;
		*ret = v;
		return 0;
	}
	if (v && (!element || v->kind != TOML_ARRAY || v->defined != BY_ELEMENT))
		return duplicate(r, key, v, e);
	if (!v &&
		add_member(r, in, key, element ? TOML_ARRAY : TOML_TABLE, element ? BY_ELEMENT : BY_HEADER, &v, e) < 0)
		return -1;
	if (element) {
		struct toml_value *item = append(v, TOML_TABLE, BY_HEADER);

		item->at = (uint32_t)(key->at - r->doc->text);
		v = item;
	}
	*ret = v;
	return 0;
}

static MUST int read_header(
	struct toml_reader *r, struct toml_value *root, struct part *key, struct toml_value **ret, struct err *e)
{
	bool element = r->at[1] == '[';
	struct toml_value *in;

	r->at += element ? 2 : 1;
	if (read_key(r, root, true, key, &in, e) < 0)
		return -1;
	if (*r->at != ']' || (element && r->at[1] != ']'))
		return toml_fail(r, r->at, e, "'%s' was expected after the table's name '%s'", element ? "]]" : "]",
			key->name.data);
	r->at += element ? 2 : 1;
	if (open_table(r, in, key, element, ret, e) < 0)
		return -1;
	return end_line(r, "a table's header", e);
}

static MUST int read_document(struct toml_reader *r, struct toml_value *root, struct err *e)
{
	struct toml_value *table = root;

	while (skip_space(r, e) == 0) {
		if (r->at == r->end)
			return 0;
		if (*r->at == '[') {
			struct part key = { 0 };
			int rc = read_header(r, root, &key, &table, e);

			str_done(&key.name);
			if (rc < 0)
				return -1;
		} else if (read_pair(r, table, e) < 0 || end_line(r, "a value", e) < 0) {
			return -1;
		}
	}
	return -1;
}

int toml_parse(const char *text, size_t n, const char *file, struct toml **ret, struct err *e)
{
	AUTO(toml_free) struct toml *t = NULL;
	struct toml_reader r;
	size_t bad;

	if (n > TOML_MAX_BYTES)
		return err_set(e, ERR_INVALID, "%s: larger than %d KiB", file, TOML_MAX_BYTES / 1024);
	t = NEW(struct toml);
	t->file = mem_strdup(file);
	t->text = mem_new(n + 1);
	if (n)
		memcpy(t->text, text, n);
	t->len = n;
	t->root.kind = TOML_TABLE;
	r = (struct toml_reader){ .doc = t, .at = t->text, .end = t->text + n };
	bad = toml_utf8_check(t->text, n);
	if (bad < n)
		return toml_fail(&r, t->text + bad, e, "byte 0x%02x is not UTF-8", (unsigned char)t->text[bad]);
	if (n >= 3 && memcmp(t->text, "\xef\xbb\xbf", 3) == 0)
		r.at += 3;
	if (read_document(&r, &t->root, e) < 0)
		return -1;
	*ret = TAKE_PTR(t);
	return 0;
}
