/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Reader of TOML 1.0 (toml.io/en/v1.0.0) into a tree. Every error says file:line:column, columns counted in characters. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"

#define TOML_MAX_BYTES (256 * 1024)
#define TOML_MAX_DEPTH 48  /* of arrays, inline tables and the parts of a key */
#define TOML_MAX_KEYS 4096 /* in one table */

enum toml_kind { TOML_STRING, TOML_INTEGER, TOML_FLOAT, TOML_BOOLEAN, TOML_DATETIME, TOML_ARRAY, TOML_TABLE };

enum { TOML_HAS_DATE = 1, TOML_HAS_TIME = 2, TOML_HAS_OFFSET = 4 };

struct toml_datetime {
	unsigned has; /* TOML_HAS_* */
	int year, month, day, hour, minute, second, nanosecond;
	int offset_minutes;
};

struct toml_value {
	enum toml_kind kind;
	unsigned char defined; /* the reader's own */
	uint32_t at;           /* byte offset of the key, or of the value in an array */
	char *key;             /* in a table, NUL-terminated; key_len counts NULs inside */
	size_t key_len;
	union {
		struct {
			char *text; /* NUL-terminated; len counts NULs inside */
			size_t len;
		} string;
		int64_t integer;
		double number;
		bool boolean;
		struct toml_datetime time;
		struct {
			struct toml_value **items; /* TOML_ARRAY and TOML_TABLE, in file order */
			size_t n;
		} list;
	};
};

struct toml {
	char *file;
	char *text;
	size_t len;
	struct toml_value root; /* TOML_TABLE */
};

/* Reads a document of n bytes; file is the name shown in errors. ERR_INVALID with the position in the message. */
MUST int toml_parse(const char *text, size_t n, const char *file, struct toml **ret, struct err *e);
void toml_free(struct toml *t);
AUTO_DEFINE(struct toml, toml_free);
/* The member of a table by name, NULL when it has none. */
const struct toml_value *toml_get(const struct toml_value *table, const char *key);
/* "a string", "an integer": for messages. Static text. */
const char *toml_kind_name(enum toml_kind kind);
/* Line and column, from 1, of a byte offset in the document. */
void toml_position(const struct toml *t, size_t at, int *ret_line, int *ret_column);
/* ERR_INVALID with "file:line:column: " of the value in front of the message. Always -1. */
int toml_err(const struct toml *t, const struct toml_value *v, struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
