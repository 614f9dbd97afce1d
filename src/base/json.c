/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "base/mem.h"
#include "base/str.h"

/* cJSON reads every number as a double and takes texts that are no JSON, so a pass over the text comes first. It refuses what must be
 * refused within strings and numbers (structure is left to cJSON), and turns whole numbers a double may not hold into strings that
 * begin with LONG_NUMBER, a byte that no valid text contains; after parsing they become cJSON_Raw nodes. */
#define LONG_NUMBER '\xff'
enum { DOUBLE_DIGITS = 15 };

struct scan {
	const char *text;
	size_t n, at;
	unsigned depth, values;
	struct str out;
};

static int scan_fail(const struct scan *s, const char *what, struct err *e)
{
	return err_set(e, ERR_INVALID, "not JSON: %s at byte %zu", what, s->at);
}

size_t json_utf8_length(const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t len = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;

	if (len == 0 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

static MUST int scan_escape(struct scan *s, struct err *e)
{
	const char *p = s->text + s->at;
	size_t left = s->n - s->at;

	if (left < 2 || !strchr("\"\\/bfnrtu", p[1]) || p[1] == 0)
		return scan_fail(s, "bad escape", e);
	if (p[1] != 'u') {
		s->at += 2;
		return 0;
	}
	for (size_t i = 2; i < 6; i++)
		if (i >= left || !strchr("0123456789abcdefABCDEF", p[i]) || p[i] == 0)
			return scan_fail(s, "bad escape", e);
	if (memcmp(p + 2, "0000", 4) == 0)
		return scan_fail(s, "NUL character", e);
	s->at += 6;
	return 0;
}

static MUST int scan_string(struct scan *s, struct err *e)
{
	size_t from = s->at++;

	while (s->at < s->n && s->text[s->at] != '"') {
		unsigned char c = (unsigned char)s->text[s->at];
		if (c < 0x20)
			return scan_fail(s, "control character", e);
		if (c == '\\') {
			if (scan_escape(s, e) < 0)
				return -1;
			continue;
		}
		size_t len = json_utf8_length(s->text + s->at, s->n - s->at);
		if (len == 0)
			return scan_fail(s, "bad UTF-8", e);
		s->at += len;
	}
	if (s->at == s->n)
		return scan_fail(s, "string without end", e);
	s->at++;
	str_add_bytes(&s->out, s->text + from, s->at - from);
	return 0;
}

static size_t skip_digits(struct scan *s)
{
	size_t from = s->at;

	while (s->at < s->n && s->text[s->at] >= '0' && s->text[s->at] <= '9')
		s->at++;
	return s->at - from;
}

static bool skip_char(struct scan *s, const char *any)
{
	if (s->at == s->n || s->text[s->at] == 0 || !strchr(any, s->text[s->at]))
		return false;
	s->at++;
	return true;
}

static MUST int scan_number(struct scan *s, struct err *e)
{
	size_t from = s->at, digits;
	bool whole = true;

	skip_char(s, "-");
	bool zero = s->at < s->n && s->text[s->at] == '0';
	digits = skip_digits(s);
	if (digits == 0 || (zero && digits > 1))
		return scan_fail(s, "bad number", e);
	if (skip_char(s, ".")) {
		whole = false;
		if (!skip_digits(s))
			return scan_fail(s, "bad number", e);
	}
	if (skip_char(s, "eE")) {
		whole = false;
		skip_char(s, "+-");
		if (!skip_digits(s))
			return scan_fail(s, "bad number", e);
	}
	if (!whole || digits <= DOUBLE_DIGITS) {
		str_add_bytes(&s->out, s->text + from, s->at - from);
		return 0;
	}
	str_add_char(&s->out, '"');
	str_add_char(&s->out, LONG_NUMBER);
	str_add_bytes(&s->out, s->text + from, s->at - from);
	str_add_char(&s->out, '"');
	return 0;
}

static MUST int scan_other(struct scan *s, struct err *e)
{
	unsigned char c = (unsigned char)s->text[s->at];

	if (c >= 0x7f || (c < 0x20 && c != '\t' && c != '\n' && c != '\r'))
		return scan_fail(s, "unexpected byte", e);
	if ((c == '{' || c == '[') && ++s->depth > JSON_MAX_DEPTH)
		return scan_fail(s, "too deeply nested", e);
	if ((c == '}' || c == ']') && s->depth-- == 0)
		return scan_fail(s, "unexpected bracket", e);
	if ((c == ',' || c == '{' || c == '[') && ++s->values > JSON_MAX_VALUES)
		return scan_fail(s, "too many values", e);
	str_add_char(&s->out, (char)c);
	s->at++;
	return 0;
}

static MUST int scan_text(struct scan *s, struct err *e)
{
	str_reserve(&s->out, s->n);
	while (s->at < s->n) {
		char c = s->text[s->at];
		int rc = c == '"' ? scan_string(s, e) : c == '-' || (c >= '0' && c <= '9') ? scan_number(s, e) : scan_other(s, e);
		if (rc < 0)
			return -1;
	}
	return 0;
}

/* Makes the long numbers raw nodes; false when one stands as a member's name, or a number is infinite. */
static bool settle(cJSON *j)
{
	for (cJSON *m = j; m; m = m->next) {
		if (m->string && m->string[0] == LONG_NUMBER)
			return false;
		if (cJSON_IsNumber(m) && !isfinite(m->valuedouble))
			return false;
		if (cJSON_IsString(m) && m->valuestring[0] == LONG_NUMBER) {
			memmove(m->valuestring, m->valuestring + 1, strlen(m->valuestring));
			m->type = (m->type & ~cJSON_String) | cJSON_Raw;
		}
		if (m->child && !settle(m->child))
			return false;
	}
	return true;
}

static const cJSON *c_of(const struct json *j)
{
	return (const cJSON *)(const void *)j;
}

static const struct json *j_of(const cJSON *c)
{
	return (const struct json *)(const void *)c;
}

int json_parse(const char *text, size_t n, struct json **ret, struct err *e)
{
	AUTO_DONE(str_done) struct str clean = STR_INIT;
	struct scan s = { .text = text, .n = n };
	const char *end = NULL;
	cJSON *c;
	int rc = scan_text(&s, e);

	clean = s.out;
	if (rc < 0)
		return -1;
	c = cJSON_ParseWithLengthOpts(clean.data, clean.len, &end, 0);
	if (!c || end + strspn(end, " \t\r\n") != clean.data + clean.len) {
		cJSON_Delete(c);
		return err_set(e, ERR_INVALID, "not JSON: syntax error near byte %zu", end ? (size_t)(end - clean.data) : 0);
	}
	if (!settle(c)) {
		cJSON_Delete(c);
		return err_set(e, ERR_INVALID, "not JSON: a number is out of place or range");
	}
	*ret = (struct json *)(void *)c;
	return 0;
}

void json_free(struct json *j)
{
	cJSON_Delete((cJSON *)(void *)j);
}

const struct json *json_get(const struct json *j, const char *key)
{
	return json_is_object(j) ? j_of(cJSON_GetObjectItemCaseSensitive(c_of(j), key)) : NULL;
}

const char *json_string(const struct json *j)
{
	return cJSON_IsString(c_of(j)) ? c_of(j)->valuestring : NULL;
}

int64_t json_int(const struct json *j, int64_t fallback)
{
	int64_t v;

	return json_is_int(j, &v) ? v : fallback;
}

double json_float(const struct json *j, double fallback)
{
	if (cJSON_IsNumber(c_of(j)))
		return c_of(j)->valuedouble;
	return cJSON_IsRaw(c_of(j)) ? strtod(c_of(j)->valuestring, NULL) : fallback;
}

bool json_bool(const struct json *j, bool fallback)
{
	return json_is_bool(j) ? cJSON_IsTrue(c_of(j)) : fallback;
}

const struct json *json_first(const struct json *j)
{
	return json_is_object(j) || json_is_array(j) ? j_of(c_of(j)->child) : NULL;
}

const struct json *json_next(const struct json *member)
{
	return j_of(c_of(member)->next);
}

const char *json_key(const struct json *member)
{
	return c_of(member)->string;
}

bool json_is_null(const struct json *j)
{
	return cJSON_IsNull(c_of(j));
}

bool json_is_bool(const struct json *j)
{
	return cJSON_IsBool(c_of(j));
}

bool json_is_number(const struct json *j)
{
	return cJSON_IsNumber(c_of(j)) || cJSON_IsRaw(c_of(j));
}

bool json_is_int(const struct json *j, int64_t *ret)
{
	const cJSON *c = c_of(j);

	if (cJSON_IsRaw(c)) {
		errno = 0;
		long long v = strtoll(c->valuestring, NULL, 10);
		if (errno)
			return false;
		*ret = v;
		return true;
	}
	/* -2^63 is a double, 2^63 is the first beyond int64_t. */
	if (!cJSON_IsNumber(c) || c->valuedouble < -0x1p63 || c->valuedouble >= 0x1p63 || c->valuedouble != trunc(c->valuedouble))
		return false;
	*ret = (int64_t)c->valuedouble;
	return true;
}

bool json_is_object(const struct json *j)
{
	return cJSON_IsObject(c_of(j));
}

bool json_is_array(const struct json *j)
{
	return cJSON_IsArray(c_of(j));
}

static void write_value(const struct json *j, struct json_writer *w, const char *key)
{
	int64_t i;

	if (json_is_object(j) || json_is_array(j)) {
		json_open(w, key, json_is_object(j) ? '{' : '[');
		for (const struct json *m = json_first(j); m; m = json_next(m))
			write_value(m, w, json_is_object(j) ? json_key(m) : NULL);
		json_close(w);
	} else if (cJSON_IsRaw(c_of(j))) {
		json_put_raw(w, key, c_of(j)->valuestring);
	} else if (json_is_int(j, &i) && !(i == 0 && signbit(c_of(j)->valuedouble))) {
		json_put_int(w, key, i);
	} else if (json_is_number(j)) {
		json_put_float(w, key, c_of(j)->valuedouble);
	} else if (json_is_bool(j)) {
		json_put_bool(w, key, cJSON_IsTrue(c_of(j)));
	} else {
		json_put_string(w, key, json_string(j));
	}
}

void json_write(const struct json *j, struct str *out)
{
	struct json_writer w = { .out = out };

	write_value(j, &w, NULL);
}
