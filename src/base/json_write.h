/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Writes JSON text piece by piece:
 *   struct json_writer w = { .out = &s };
 *   json_open(&w, NULL, '{'); json_put_string(&w, "execute", "quit"); json_close(&w);
 * key is NULL at the top and in arrays. Commas, quotes and escapes are the writer's. */

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct json_writer {
	struct str *out;
	bool pretty;
	bool inside;     /* the open object or array has a member already */
	unsigned depth;
	uint32_t arrays; /* bit per depth: it is an array */
};

/* Opens an object '{' or an array '['; at most 32 are open at once. json_close closes the innermost. */
void json_open(struct json_writer *w, const char *key, char bracket);
void json_close(struct json_writer *w);
/* Bytes that are not UTF-8 become U+FFFD; NULL is written as null. */
void json_put_string(struct json_writer *w, const char *key, const char *text);
void json_put_int(struct json_writer *w, const char *key, int64_t value);
/* What is not finite is written as null. */
void json_put_float(struct json_writer *w, const char *key, double value);
void json_put_bool(struct json_writer *w, const char *key, bool value);
/* text must be valid JSON; it is copied as it is. */
void json_put_raw(struct json_writer *w, const char *key, const char *text);
