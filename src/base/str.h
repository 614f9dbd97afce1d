/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Growing byte string and bounded helpers. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* data is always NUL-terminated once anything was added (NULL before); len does not count the NUL. */
struct str {
	char *data;
	size_t len;
	size_t cap;
};
#define STR_INIT { 0 }

/* Frees what s holds and makes it empty. */
void str_done(struct str *s);
/* Makes room for n more bytes and the NUL; len is unchanged. Returns where they go. */
char *str_reserve(struct str *s, size_t n);
void str_add(struct str *s, const char *text);
void str_add_bytes(struct str *s, const void *p, size_t n);
void str_add_char(struct str *s, char c);
void str_addf(struct str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Removes n bytes from the front. */
void str_consume(struct str *s, size_t n);
/* Hands the text to the caller, "" instead of NULL, and empties s. Caller frees. */
char *str_take(struct str *s);

bool str_eq(const char *a, const char *b); /* NULL equals NULL only */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);

/* Whole decimal number within [min, max]; anything else is ERR_INVALID naming what. */
MUST int str_to_int(const char *s, int64_t min, int64_t max, const char *what, int64_t *ret, struct err *e);
/* "512", "512M", "4GiB", "1T": MiB. A bare number is MiB; K and below one MiB are refused. ERR_INVALID naming what. */
MUST int str_to_mib(const char *s, const char *what, int64_t *ret_mib, struct err *e);
/* "0", "90s", "24h", "2h30m", "1.5h" as Go's time.ParseDuration has it, units h, m, s and ms: milliseconds. ERR_INVALID naming what. */
MUST int str_to_duration_ms(const char *s, const char *what, int64_t *ret_ms, struct err *e);
/* Writes "2h30m", "45s", "0" for milliseconds (whole seconds above one) into out and returns out. */
const char *str_duration(int64_t ms, char out[static 32]);
/* Writes "8G", "512M", "1.5G" for a number of bytes into out and returns out. */
const char *str_bytes(uint64_t bytes, char out[static 16]);
