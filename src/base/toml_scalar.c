/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strings, booleans, numbers, dates and times. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/toml_internal.h"

#define SCALAR_MAX 200 /* characters of a number or date */

/* Length of the UTF-8 sequence at s with n bytes left, 0 when it is none (RFC 3629: no overlong forms, no surrogates). */
static size_t utf8_length(const unsigned char *s, size_t n)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
	uint32_t c;

	if (len <= 1)
		return len;
	if (len > n)
		return 0;
	c = s[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	return c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : len;
}

size_t toml_utf8_check(const char *s, size_t n)
{
	for (size_t at = 0; at < n;) {
		size_t len = utf8_length((const unsigned char *)s + at, n - at);

		if (!len)
			return at;
		at += len;
	}
	return n;
}

static void add_utf8(struct str *out, uint32_t c)
{
	if (c < 0x80) {
		str_add_char(out, (char)c);
	} else if (c < 0x800) {
		str_add_char(out, (char)(0xc0 | c >> 6));
		str_add_char(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		str_add_char(out, (char)(0xe0 | c >> 12));
		str_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
		str_add_char(out, (char)(0x80 | (c & 0x3f)));
	} else {
		str_add_char(out, (char)(0xf0 | c >> 18));
		str_add_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
		str_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
		str_add_char(out, (char)(0x80 | (c & 0x3f)));
	}
}

static int hex_digit(char c)
{
	if (toml_is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* r->at is behind "\u" or "\U". */
static MUST int read_code_point(struct toml_reader *r, int digits, struct str *out, struct err *e)
{
	const char *start = r->at - 2;
	uint32_t c = 0;

	for (int i = 0; i < digits; i++, r->at++) {
		int d = hex_digit(*r->at);

		if (d < 0)
			return toml_fail(r, start, e, "'\\%c' needs %d hexadecimal digits", start[1], digits);
		c = c << 4 | (uint32_t)d;
	}
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return toml_fail(r, start, e, "U+%04X is not a character", c);
	add_utf8(out, c);
	return 0;
}

/* A backslash at the end of a line takes away all space up to the next text. */
static bool skip_line_break(struct toml_reader *r)
{
	const char *p = r->at;

	while (*p == ' ' || *p == '\t')
		p++;
	if (!toml_newline(p))
		return false;
	while (*p == ' ' || *p == '\t' || toml_newline(p))
		p++;
	r->at = p;
	return true;
}

static MUST int read_escape(struct toml_reader *r, bool multi, struct str *out, struct err *e)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	const char *start = r->at++;
	const char *known;

	if (multi && skip_line_break(r))
		return 0;
	if (*r->at == 'u' || *r->at == 'U') {
		int digits = *r->at++ == 'u' ? 4 : 8;

		return read_code_point(r, digits, out, e);
	}
	known = *r->at ? strchr(from, *r->at) : NULL;
	if (!known)
		return toml_fail(r, start, e, "unknown escape in a string (a backslash itself is written '\\\\')");
	str_add_char(out, to[known - from]);
	r->at++;
	return 0;
}

/* At a quote in a multi-line string: whether it ends here. Up to two quotes may stand before the closing three. */
static bool closes_multi(struct toml_reader *r, char quote, struct str *out)
{
	size_t n = strspn(r->at, (const char[]){ quote, 0 });

	if (n < 3) {
		str_add_bytes(out, r->at, n);
		r->at += n;
		return false;
	}
	n = n > 5 ? 5 : n;
	str_add_bytes(out, r->at, n - 3);
	r->at += n;
	return true;
}

static MUST int read_string_body(
	struct toml_reader *r, char quote, bool multi, const char *start, struct str *out, struct err *e)
{
	while (r->at < r->end) {
		if (*r->at == quote) {
			if (!multi) {
				r->at++;
				return 0;
			}
			if (closes_multi(r, quote, out))
				return 0;
		} else if (*r->at == '\\' && quote == '"') {
			if (read_escape(r, multi, out, e) < 0)
				return -1;
		} else if (toml_newline(r->at)) {
			if (!multi)
				return toml_fail(r, start, e, "this string is not closed on its line");
			str_add_char(out, '\n');
			r->at += toml_newline(r->at);
		} else if (toml_is_control(*r->at)) {
			return toml_fail(r, r->at, e, "control character 0x%02x in a string", (unsigned char)*r->at);
		} else {
			str_add_char(out, *r->at++);
		}
	}
	return toml_fail(r, start, e, "this string is never closed");
}

int toml_read_string(struct toml_reader *r, bool multi, struct str *out, struct err *e)
{
	const char *start = r->at;
	char quote = *start;

	if (start[1] == quote && start[2] == quote) {
		if (!multi)
			return toml_fail(r, start, e, "a multi-line string cannot be a key");
		r->at += 3;
		r->at += toml_newline(r->at);
		return read_string_body(r, quote, true, start, out, e);
	}
	r->at++;
	return read_string_body(r, quote, false, start, out, e);
}

/* Copies digits of a base from s, dropping underscores that stand between two of them. Returns what follows, NULL when it is none. */
static const char *copy_digits(const char *s, int base, char *out)
{
	size_t n = 0;

	for (;; s++) {
		int d = hex_digit(*s);

		if (d >= 0 && d < base)
			out[n++] = *s;
		else if (*s != '_' || !n || s[-1] == '_' || hex_digit(s[1]) < 0 || hex_digit(s[1]) >= base)
			break;
	}
	out[n] = 0;
	return n ? s : NULL;
}

static bool read_based(const char *s, struct toml_value *v)
{
	int base = s[0] != '0' ? 0 : s[1] == 'x' ? 16 : s[1] == 'o' ? 8 : s[1] == 'b' ? 2 : 0;
	char digits[SCALAR_MAX + 1];
	const char *end;

	if (!base)
		return false;
	end = copy_digits(s + 2, base, digits);
	if (!end || *end)
		return false;
	errno = 0;
	v->kind = TOML_INTEGER;
	v->integer = strtoll(digits, NULL, base);
	return errno == 0;
}

/* Decimal integers and floats. */
static bool read_number(const char *s, struct toml_value *v)
{
	char text[2 * SCALAR_MAX + 8];
	const char *p = s + (*s == '+' || *s == '-');
	size_t n = 0;
	bool whole = true;

	if (*s == '-')
		text[n++] = '-';
	if (strcmp(p, "inf") == 0 || strcmp(p, "nan") == 0) {
		v->kind = TOML_FLOAT;
		v->number = *p == 'i' ? (*s == '-' ? -INFINITY : INFINITY) : NAN;
		return true;
	}
	if (p[0] == '0' && (toml_is_digit(p[1]) || p[1] == '_'))
		return false;
	p = copy_digits(p, 10, text + n);
	if (p && *p == '.') {
		whole = false;
		n = strlen(text);
		text[n++] = '.';
		p = copy_digits(p + 1, 10, text + n);
	}
	if (p && (*p == 'e' || *p == 'E')) {
		whole = false;
		n = strlen(text);
		text[n++] = 'e';
		p++;
		if (*p == '+' || *p == '-')
			text[n++] = *p++;
		p = copy_digits(p, 10, text + n);
	}
	if (!p || *p)
		return false;
	errno = 0;
	v->kind = whole ? TOML_INTEGER : TOML_FLOAT;
	if (!whole)
		v->number = strtod(text, NULL); /* too large is infinite, as in every language */
	else
		v->integer = strtoll(text, NULL, 10);
	return !whole || errno == 0;
}

/* Exactly n digits between min and max. */
static const char *fixed(const char *s, int n, int min, int max, int *ret)
{
	int v = 0;

	for (int i = 0; i < n; i++) {
		if (!toml_is_digit(s[i]))
			return NULL;
		v = v * 10 + (s[i] - '0');
	}
	*ret = v;
	return v < min || v > max ? NULL : s + n;
}

static const char *read_date(const char *s, struct toml_datetime *t)
{
	static const int days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap;

	s = fixed(s, 4, 0, 9999, &t->year);
	s = s && *s == '-' ? fixed(s + 1, 2, 1, 12, &t->month) : NULL;
	s = s && *s == '-' ? fixed(s + 1, 2, 1, 31, &t->day) : NULL;
	if (!s)
		return NULL;
	leap = (t->year % 4 == 0 && t->year % 100 != 0) || t->year % 400 == 0;
	t->has |= TOML_HAS_DATE;
	return t->day <= days[t->month - 1] + (t->month == 2 && leap) ? s : NULL;
}

/* HH:MM:SS with a fraction, of which nanoseconds are kept; 60 is a leap second, as in RFC 3339. */
static const char *read_time(const char *s, struct toml_datetime *t)
{
	int unit = 100000000;

	s = fixed(s, 2, 0, 23, &t->hour);
	s = s && *s == ':' ? fixed(s + 1, 2, 0, 59, &t->minute) : NULL;
	s = s && *s == ':' ? fixed(s + 1, 2, 0, 60, &t->second) : NULL;
	if (!s)
		return NULL;
	t->has |= TOML_HAS_TIME;
	if (*s != '.')
		return s;
	if (!toml_is_digit(*++s))
		return NULL;
	for (; toml_is_digit(*s); s++, unit /= 10)
		t->nanosecond += (*s - '0') * unit;
	return s;
}

static const char *read_offset(const char *s, struct toml_datetime *t)
{
	int sign = *s == '-' ? -1 : 1, hours, minutes;

	if (*s == 'Z' || *s == 'z') {
		t->has |= TOML_HAS_OFFSET;
		return s + 1;
	}
	if (*s != '+' && *s != '-')
		return s;
	s = fixed(s + 1, 2, 0, 23, &hours);
	s = s && *s == ':' ? fixed(s + 1, 2, 0, 59, &minutes) : NULL;
	if (!s)
		return NULL;
	t->has |= TOML_HAS_OFFSET;
	t->offset_minutes = sign * (hours * 60 + minutes);
	return s;
}

static bool read_datetime(const char *s, struct toml_value *v)
{
	struct toml_datetime *t = &v->time;

	*t = (struct toml_datetime){ 0 };
	v->kind = TOML_DATETIME;
	if (s[2] == ':') {
		s = read_time(s, t);
		return s && !*s;
	}
	s = read_date(s, t);
	if (s && (*s == 'T' || *s == 't' || *s == ' ')) {
		s = read_time(s + 1, t);
		s = s ? read_offset(s, t) : NULL;
	}
	return s && !*s;
}

static bool is_scalar_char(char c)
{
	return toml_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' || c == '-' ||
		c == '.' || c == ':' || c == '_';
}

int toml_read_scalar(struct toml_reader *r, struct toml_value *v, struct err *e)
{
	char text[SCALAR_MAX + 1] = "";
	const char *start = r->at;
	size_t n;
	bool ok, date;

	while (is_scalar_char(*r->at))
		r->at++;
	/* The one space inside a scalar: between a date and its time. */
	if (r->at - start == 10 && start[4] == '-' && *r->at == ' ' && toml_is_digit(r->at[1]))
		for (r->at++; is_scalar_char(*r->at);)
			r->at++;
	n = (size_t)(r->at - start);
	if (!n)
		return toml_fail(r, start, e, "a value was expected here");
	if (n > SCALAR_MAX)
		return toml_fail(r, start, e, "this value is longer than %d characters", SCALAR_MAX);
	memcpy(text, start, n);
	if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
		v->kind = TOML_BOOLEAN;
		v->boolean = *text == 't';
		return 0;
	}
	date = toml_is_digit(text[0]) && ((n > 4 && text[4] == '-') || (n > 2 && text[2] == ':'));
	ok = date ? read_datetime(text, v) : read_based(text, v) || read_number(text, v);
	if (ok)
		return 0;
	v->kind = TOML_BOOLEAN;
	if (date)
		return toml_fail(r, start, e, "'%s' is not a date or time", text);
	if (toml_is_digit(text[0]) || text[0] == '+' || text[0] == '-' || text[0] == '.')
		return toml_fail(r, start, e, "'%s' is not a number", text);
	return toml_fail(r, start, e, "'%s' is not a value (text is written in quotes)", text);
}
