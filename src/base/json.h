/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* JSON: a reader for texts of others (a tree), field tables between C structs and text (json_table.h), a writer (json_write.h).
 * Only json.c knows the library behind it. Texts are refused that RFC 8259 does not know, that are not UTF-8, that hold a NUL
 * character even escaped, or that pass the limits below. Whole numbers are exact within int64_t. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/json_table.h"
#include "base/json_write.h"

#define JSON_MAX_DEPTH 32
#define JSON_MAX_VALUES (1 << 18) /* in one text; a value costs some 80 bytes of memory */

/* A value in a parsed text; it lives as long as its root. The readers below take NULL for "not there", so they can be chained:
 * json_string(json_get(json_get(j, "error"), "desc")). */
struct json;

/* Parses n bytes of text. ERR_INVALID says where it goes wrong. Caller frees with json_free. */
MUST int json_parse(const char *text, size_t n, struct json **ret, struct err *e);
void json_free(struct json *j);
AUTO_DEFINE(struct json, json_free);

/* The member of an object; NULL if j is none or has none. Of members with the same name the first. */
const struct json *json_get(const struct json *j, const char *key);
/* The value, or NULL or fallback if j is not there or of another type. */
const char *json_string(const struct json *j);
int64_t json_int(const struct json *j, int64_t fallback);
double json_float(const struct json *j, double fallback);
bool json_bool(const struct json *j, bool fallback);
/* Members of an object or array in order: for (m = json_first(j); m; m = json_next(m)); json_key is a member's name in an object. */
const struct json *json_first(const struct json *j);
const struct json *json_next(const struct json *member);
const char *json_key(const struct json *member);

bool json_is_null(const struct json *j);
bool json_is_bool(const struct json *j);
bool json_is_number(const struct json *j);
/* A number that is whole and within int64_t: *ret is set. */
bool json_is_int(const struct json *j, int64_t *ret);
bool json_is_object(const struct json *j);
bool json_is_array(const struct json *j);

/* Writes the value as compact text. */
void json_write(const struct json *j, struct str *out);

/* Length of the UTF-8 sequence at text (n bytes, at least one), 0 if it is none; overlong forms, surrogates and what is beyond U+10FFFF are
 * none. */
size_t json_utf8_length(const char *text, size_t n);
