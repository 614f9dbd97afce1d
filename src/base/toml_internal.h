/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Between toml.c (structure) and toml_scalar.c (strings, numbers, dates). */

#include "base/str.h"
#include "base/toml.h"

struct toml_reader {
	const struct toml *doc;
	const char *at, *end; /* *end is a NUL */
	int depth;
};

/* ERR_INVALID at a place in the text. Always -1. */
int toml_fail(const struct toml_reader *r, const char *where, struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The string that begins at r->at with a quote, unescaped into out. Multi-line forms only where multi. */
MUST int toml_read_string(struct toml_reader *r, bool multi, struct str *out, struct err *e);
/* A boolean, number, date or time at r->at. */
MUST int toml_read_scalar(struct toml_reader *r, struct toml_value *v, struct err *e);
/* Position of the first byte that is not UTF-8, or n. */
size_t toml_utf8_check(const char *s, size_t n);

static inline bool toml_is_digit(char c)
{
	return c >= '0' && c <= '9';
}
/* What TOML allows in no string and no comment: controls but for the tab. */
static inline bool toml_is_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}
/* A newline at p: its length, 1 or 2, else 0. */
static inline int toml_newline(const char *p)
{
	return *p == '\n' ? 1 : *p == '\r' && p[1] == '\n' ? 2 : 0;
}
