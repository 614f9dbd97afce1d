/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/json_write.h"
#include "base/mem.h"

#define GAP 2 /* blanks between columns */

void table_init(struct table *t, const char *const *headers)
{
	*t = (struct table){ 0 };
	while (headers[t->n_columns])
		t->n_columns++;
	for (size_t i = 0; i < t->n_columns; i++)
		table_add(t, headers[i]);
}

void table_add(struct table *t, const char *text)
{
	t->cells = mem_grow(t->cells, t->n_cells, sizeof(*t->cells));
	t->cells[t->n_cells++] = mem_strdup(text && *text ? text : "-");
}

void table_addf(struct table *t, const char *fmt, ...)
{
	va_list ap;
	char text[256];

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	table_add(t, text);
}

/* Characters, not bytes. */
static size_t width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

void table_write(const struct table *t, struct str *out)
{
	size_t widths[TABLE_MAX_COLUMNS] = { 0 };

	for (size_t i = 0; i < t->n_cells; i++)
		if (width(t->cells[i]) > widths[i % t->n_columns])
			widths[i % t->n_columns] = width(t->cells[i]);
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t column = i % t->n_columns;

		str_add(out, t->cells[i]);
		if (column + 1 < t->n_columns)
			str_addf(out, "%*s", (int)(widths[column] - width(t->cells[i]) + GAP), "");
		else
			str_add_char(out, '\n');
	}
}

void table_print(const struct table *t)
{
	AUTO_DONE(str_done) struct str out = STR_INIT;

	table_write(t, &out);
	if (out.len)
		fwrite(out.data, 1, out.len, stdout);
}

void table_done(struct table *t)
{
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct table){ 0 };
}

const char *table_age(int64_t then, int64_t now, char out[static 32])
{
	static const struct {
		const char *unit;
		int64_t seconds;
	} units[] = { { "year", 365 * 86400 }, { "month", 30 * 86400 }, { "week", 7 * 86400 }, { "day", 86400 },
		{ "hour", 3600 }, { "minute", 60 }, { "second", 1 } };
	int64_t age = now > then ? now - then : 0;

	snprintf(out, 32, "-");
	if (!then)
		return out;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		int64_t n = age / units[i].seconds;

		if (n < 2 && units[i].seconds > 1)
			continue; /* "90 minutes" says more than "1 hour" */
		snprintf(out, 32, "%" PRId64 " %s%s ago", n, units[i].unit, n == 1 ? "" : "s");
		return out;
	}
	return out;
}

void table_field(struct table *t, const char *name, const char *value)
{
	t->n_columns = 2;
	if (!value || !*value)
		return;
	t->cells = mem_grow(t->cells, t->n_cells, sizeof(*t->cells));
	t->cells[t->n_cells++] = mem_printf("%s:", name);
	table_add(t, value);
}

void table_json(const struct json_type *type, const void *from)
{
	AUTO_DONE(str_done) struct str out = STR_INIT;

	json_encode_pretty(type, from, &out);
	printf("%s", out.data);
}

void table_json_list(const struct json_type *type, const void *items, size_t n)
{
	AUTO_DONE(str_done) struct str out = STR_INIT;
	struct json_writer w = { .out = &out, .pretty = true };

	json_open(&w, NULL, '[');
	for (size_t i = 0; i < n; i++) {
		AUTO_DONE(str_done) struct str one = STR_INIT;

		json_encode(type, (const char *)items + i * type->size, &one);
		json_put_raw(&w, NULL, one.data);
	}
	json_close(&w);
	printf("%s\n", out.data);
}
