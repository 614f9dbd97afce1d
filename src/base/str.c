/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

void str_done(struct str *s)
{
	free(s->data);
	*s = (struct str)STR_INIT;
}

char *str_reserve(struct str *s, size_t n)
{
	size_t need;

	if (__builtin_add_overflow(s->len, n, &need) || __builtin_add_overflow(need, (size_t)1, &need))
		abort();
	if (need > s->cap) {
		s->cap = need > s->cap * 2 ? need : s->cap * 2;
		s->data = mem_resize(s->data, s->cap, 1);
	}
	return s->data + s->len;
}

void str_add_bytes(struct str *s, const void *p, size_t n)
{
	char *at = str_reserve(s, n);

	if (n)
		memcpy(at, p, n);
	s->len += n;
	s->data[s->len] = 0;
}

void str_add(struct str *s, const char *text)
{
	str_add_bytes(s, text, strlen(text));
}

void str_add_char(struct str *s, char c)
{
	str_add_bytes(s, &c, 1);
}

void str_addf(struct str *s, const char *fmt, ...)
{
	va_list ap;
	char *at;

	if (!fmt) /* said aloud because gcc 12 with -fsanitize=undefined warns of it otherwise */
		abort();
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	at = str_reserve(s, (size_t)n);
	va_start(ap, fmt);
	vsnprintf(at, (size_t)n + 1, fmt, ap);
	va_end(ap);
	s->len += (size_t)n;
}

void str_consume(struct str *s, size_t n)
{
	if (n == 0)
		return;
	memmove(s->data, s->data + n, s->len - n + 1);
	s->len -= n;
}

char *str_take(struct str *s)
{
	char *p = s->data ? s->data : mem_strdup("");

	*s = (struct str)STR_INIT;
	return p;
}

bool str_eq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

int str_to_int(const char *s, int64_t min, int64_t max, const char *what, int64_t *ret, struct err *e)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(s, &end, 10);
	if (end == s || *end || errno || isspace((unsigned char)*s))
		return err_set(e, ERR_INVALID, "%s '%s' is not a whole number", what, s);
	if (v < min || v > max)
		return err_set(e, ERR_INVALID, "%s %lld is not between %lld and %lld", what, v, (long long)min, (long long)max);
	*ret = v;
	return 0;
}

int str_to_mib(const char *s, const char *what, int64_t *ret_mib, struct err *e)
{
	static const struct {
		const char *unit;
		int64_t mib;
	} units[] = {
		{ "", 1 }, { "M", 1 }, { "MB", 1 }, { "MiB", 1 }, { "G", 1024 }, { "GB", 1024 }, { "GiB", 1024 }, { "T", 1 << 20 }, { "TB", 1 << 20 }, { "TiB", 1 << 20 },
	};
	char *end;
	long long v;

	errno = 0;
	v = strtoll(s, &end, 10);
	if (end == s || errno || v < 0 || !isdigit((unsigned char)*s))
		return err_set(e, ERR_INVALID, "%s '%s' is not a size (try 512M or 4G)", what, s);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcasecmp(end, units[i].unit))
			continue;
		if (v > (1LL << 40) / units[i].mib)
			return err_set(e, ERR_INVALID, "%s '%s' is too large", what, s);
		*ret_mib = v * units[i].mib;
		return 0;
	}
	if (*end == 'K' || *end == 'k') {
		if (v % 1024)
			return err_set(e, ERR_INVALID, "%s '%s' is not a whole number of MiB", what, s);
		*ret_mib = v / 1024;
		return 0;
	}
	return err_set(e, ERR_INVALID, "%s '%s' is not a size (try 512M or 4G)", what, s);
}

int str_to_duration_ms(const char *s, const char *what, int64_t *ret_ms, struct err *e)
{
	static const struct {
		const char *unit;
		double ms;
	} units[] = { { "ms", 1 }, { "h", 3600e3 }, { "m", 60e3 }, { "s", 1e3 } };
	const char *at = s;
	double sum = 0;

	if (str_eq(s, "0")) {
		*ret_ms = 0;
		return 0;
	}
	do {
		size_t digits = strspn(at, "0123456789."), u = 0;
		char *end;
		double v = strtod(at, &end);

		while (u < sizeof(units) / sizeof(units[0]) && !str_starts(at + digits, units[u].unit))
			u++;
		if (!digits || end != at + digits || u == sizeof(units) / sizeof(units[0])) {
			err_set(e, ERR_INVALID, "%s '%s' is not a duration", what, s);
			return err_hint(e, "try 30m, 24h or 2h30m");
		}
		sum += v * units[u].ms;
		at += digits + strlen(units[u].unit);
	} while (*at);
	if (sum > 1e15)
		return err_set(e, ERR_INVALID, "%s '%s' is too long", what, s);
	*ret_ms = (int64_t)(sum + 0.5);
	return 0;
}

const char *str_duration(int64_t ms, char out[static 32])
{
	long long h = ms / 3600000, m = ms / 60000 % 60, s = ms / 1000 % 60;
	int n = 0;

	if (ms > 0 && ms < 1000) {
		snprintf(out, 32, "%lldms", (long long)ms);
		return out;
	}
	snprintf(out, 32, "0");
	if (h)
		n += snprintf(out, 32, "%lldh", h);
	if (m)
		n += snprintf(out + n, 32 - (size_t)n, "%lldm", m);
	if (s)
		snprintf(out + n, 32 - (size_t)n, "%llds", s);
	return out;
}

const char *str_bytes(uint64_t bytes, char out[static 16])
{
	static const char units[] = "BKMGTP";
	double v = (double)bytes;
	int u = 0;

	while (v >= 1024 && u < 5) {
		v /= 1024;
		u++;
	}
	if (u == 0)
		snprintf(out, 16, "%llu", (unsigned long long)bytes);
	else if (v < 10 && (uint64_t)(v * 10 + 0.5) % 10)
		snprintf(out, 16, "%.1f%c", v, units[u]);
	else
		snprintf(out, 16, "%.0f%c", v, units[u]);
	return out;
}
