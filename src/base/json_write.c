/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json_write.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static void new_line(struct json_writer *w)
{
	if (!w->pretty)
		return;
	str_add_char(w->out, '\n');
	for (unsigned i = 0; i < w->depth; i++)
		str_add_char(w->out, '\t');
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static void put_text(struct str *out, const char *text)
{
	size_t n = strlen(text), len;

	str_add_char(out, '"');
	for (size_t i = 0; i < n; i += len) {
		for (len = 0; is_plain((unsigned char)text[i + len]);)
			len++;
		if (len) {
			str_add_bytes(out, text + i, len);
			continue;
		}
		unsigned char c = (unsigned char)text[i];
		const char *plain = "\"\\\n\t\r\b\f", *escaped = "\"\\ntrbf", *at = strchr(plain, c);
		len = json_utf8_length(text + i, n - i);
		if (len == 0) {
			len = 1;
			str_add(out, "\xef\xbf\xbd");
		} else if (at) {
			str_add_char(out, '\\');
			str_add_char(out, escaped[at - plain]);
		} else if (c < 0x20) {
			str_addf(out, "\\u%04x", c);
		} else {
			str_add_bytes(out, text + i, len);
		}
	}
	str_add_char(out, '"');
}

/* What stands before a value: comma, line, name. */
static void begin(struct json_writer *w, const char *key)
{
	if (w->depth) {
		if (w->inside)
			str_add_char(w->out, ',');
		new_line(w);
	}
	w->inside = true;
	if (key) {
		put_text(w->out, key);
		str_add(w->out, w->pretty ? ": " : ":");
	}
}

void json_open(struct json_writer *w, const char *key, char bracket)
{
	begin(w, key);
	assert(w->depth < 32);
	w->arrays = (w->arrays & ~(1u << w->depth)) | (bracket == '[' ? 1u << w->depth : 0);
	w->depth++;
	w->inside = false;
	str_add_char(w->out, bracket);
}

void json_close(struct json_writer *w)
{
	assert(w->depth > 0);
	w->depth--;
	if (w->inside)
		new_line(w);
	w->inside = true;
	str_add_char(w->out, w->arrays >> w->depth & 1 ? ']' : '}');
}

void json_put_raw(struct json_writer *w, const char *key, const char *text)
{
	begin(w, key);
	str_add(w->out, text);
}

void json_put_string(struct json_writer *w, const char *key, const char *text)
{
	if (!text) {
		json_put_raw(w, key, "null");
		return;
	}
	begin(w, key);
	put_text(w->out, text);
}

void json_put_int(struct json_writer *w, const char *key, int64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	json_put_raw(w, key, text);
}

void json_put_float(struct json_writer *w, const char *key, double value)
{
	char text[32];

	/* The fewest digits that give the same value back. */
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	json_put_raw(w, key, isfinite(value) ? text : "null");
}

void json_put_bool(struct json_writer *w, const char *key, bool value)
{
	json_put_raw(w, key, value ? "true" : "false");
}
