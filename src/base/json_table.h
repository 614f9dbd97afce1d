/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Tables that say which C struct a JSON object is. scripts/varlink-gen makes them from the .varlink files; json_decode fills a struct,
 * json_encode writes it, json_done frees its members, json_copy copies it deeply, all by the same table. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct json;

/* C type of a member: bool, int64_t, double, char *, char * (compact JSON text of an object), a struct by value, an enum. */
enum json_kind { JSON_BOOL, JSON_INT, JSON_FLOAT, JSON_STRING, JSON_OBJECT, JSON_STRUCT, JSON_ENUM };

/* An optional bool, int or float has a bool has_NAME beside it, an optional struct is a pointer, the others are NULL or 0 when absent.
 * An array is a pointer to its first member with a size_t n_NAME beside it; an optional one is absent when the pointer is NULL. */
enum { JSON_OPTIONAL = 1, JSON_ARRAY = 2 };

struct json_type;

struct json_enum {
	const char *name;
	unsigned n;               /* values are 1 to n; 0 is none */
	const char *const *texts; /* n of them, the first is that of 1 */
};

struct json_field {
	const char *name;
	uint8_t kind;   /* enum json_kind */
	uint8_t flags;  /* JSON_OPTIONAL, JSON_ARRAY */
	uint16_t at;    /* offset of the member */
	uint16_t aside; /* offset of its has_NAME or n_NAME */
	union {
		const struct json_type *type;     /* JSON_STRUCT */
		const struct json_enum *values;   /* JSON_ENUM */
	};
};

#define JSON_MAX_FIELDS 64

struct json_type {
	const char *name;
	const struct json_field *fields;
	uint32_t n_fields;
	uint32_t size; /* of the struct */
};

/* Members the table does not know are errors instead of being ignored. */
#define JSON_STRICT 1u

/* Fills the struct ret points to from n bytes of text, or from a parsed value. ERR_INVALID names the member: "journal[2].kind"; a
 * member twice, of another type, or mandatory and absent (or null) is refused. Caller gives the members back with json_done. */
MUST int json_decode(const struct json_type *type, const char *text, size_t n, unsigned flags, void *ret, struct err *e);
MUST int json_decode_tree(const struct json_type *type, const struct json *from, unsigned flags, void *ret, struct err *e);
/* Appends the struct as compact text, or as lines indented by tabs. A mandatory string that is NULL is written as "", a mandatory
 * object as {}; a mandatory enum must have a value. */
void json_encode(const struct json_type *type, const void *from, struct str *out);
void json_encode_pretty(const struct json_type *type, const void *from, struct str *out);
/* Frees the members and zeroes the struct; fine on a zeroed one. */
void json_done(const struct json_type *type, void *p);
/* Copies deeply; *to is overwritten, not freed. */
void json_copy(const struct json_type *type, void *to, const void *from);

/* The text of value 1 to n, "unknown" for others; the value of a text, 0 for an unknown one or NULL. */
const char *json_enum_text(const struct json_enum *values, unsigned value);
unsigned json_enum_parse(const struct json_enum *values, const char *text);
