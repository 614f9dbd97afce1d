/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The one error value. A function that can fail returns 0 or -1, is MUST, and takes struct err *e last;
 * on failure its ret_ parameters are untouched, on success e is. e is never NULL. */

#define MUST __attribute__((warn_unused_result))

/* Order is part of the wire (proto/varlink.c names them io.banger.NAME): append only. */
enum err_code {
	ERR_NONE,
	ERR_INVALID,
	ERR_NOT_FOUND,
	ERR_EXISTS,
	ERR_STATE,
	ERR_BUSY,
	ERR_DENIED,
	ERR_UNAVAILABLE,
	ERR_TIMEOUT,
	ERR_CANCELLED,
	ERR_CORRUPT,
	ERR_NO_SPACE,
	ERR_SYSTEM,
	ERR_INTERNAL,
	ERR_CODE_COUNT,
};

struct err {
	enum err_code code;
	int sys;        /* errno behind it, or 0 */
	char msg[400];  /* outermost context first, names in single quotes */
	char hint[160]; /* what the user can do next, or "" */
	char op[16];    /* operation id once one has begun, or "" */
};

/* Starts an error; e must be empty. Always -1. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Starts one from an errno value: ": strerror" is appended and the code follows from it (ENOSPC and EDQUOT
 * give ERR_NO_SPACE, EACCES and EPERM ERR_DENIED, ENOENT ERR_NOT_FOUND, ...; the rest ERR_SYSTEM). Always -1. */
int err_sys(struct err *e, int sys, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Puts "context: " in front of a filled error. Always -1. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Sets the hint of a filled error, replacing an older one. Always -1. */
int err_hint(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Forgets the error, for a caller that has handled it. */
void err_clear(struct err *e);
/* The code's name as it stands on the wire, "NotFound" for ERR_NOT_FOUND. Static text. */
const char *err_code_name(enum err_code code);
/* The code of such a name, ERR_INTERNAL for an unknown one. */
enum err_code err_code_from_name(const char *name);
