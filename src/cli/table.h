/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What commands print: aligned columns, "name: value" lines, JSON, sizes and ages. */

#include <stdarg.h>
#include <stdint.h>

#include "base/json_table.h"
#include "base/str.h"

#define TABLE_MAX_COLUMNS 12

/* Rows of cells; a header row comes first. */
struct table {
	char **cells;
	size_t n_cells;
	size_t n_columns;
};

/* Starts a table; headers ended by NULL, upper case. */
void table_init(struct table *t, const char *const *headers);
/* Adds one cell, copied; NULL and "" show as "-". */
void table_add(struct table *t, const char *text);
void table_addf(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Appends the lines: columns as wide as their widest cell, two blanks apart, nothing behind the last. */
void table_write(const struct table *t, struct str *out);
void table_print(const struct table *t);
void table_done(struct table *t);

/* "3 minutes ago" for seconds since 1970; now is that of the same clock. "-" for 0. */
const char *table_age(int64_t then, int64_t now, char out[static 32]);
/* A row "name:  value" of a table without headers ({ 0 }); a value NULL or "" is left out. */
void table_field(struct table *t, const char *name, const char *value);

/* Prints one struct as indented JSON, or n of them, lying one behind the other, as an array. */
void table_json(const struct json_type *type, const void *from);
void table_json_list(const struct json_type *type, const void *items, size_t n);
