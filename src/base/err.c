/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const code_names[ERR_CODE_COUNT] = {
	[ERR_NONE] = "None",
	[ERR_INVALID] = "Invalid",
	[ERR_NOT_FOUND] = "NotFound",
	[ERR_EXISTS] = "Exists",
	[ERR_STATE] = "State",
	[ERR_BUSY] = "Busy",
	[ERR_DENIED] = "Denied",
	[ERR_UNAVAILABLE] = "Unavailable",
	[ERR_TIMEOUT] = "Timeout",
	[ERR_CANCELLED] = "Cancelled",
	[ERR_CORRUPT] = "Corrupt",
	[ERR_NO_SPACE] = "NoSpace",
	[ERR_SYSTEM] = "System",
	[ERR_INTERNAL] = "Internal",
};

static enum err_code code_of_errno(int sys)
{
	switch (sys) {
	case ENOSPC:
	case EDQUOT:
		return ERR_NO_SPACE;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERR_DENIED;
	case ENOENT:
		return ERR_NOT_FOUND;
	case EEXIST:
		return ERR_EXISTS;
	case ETIMEDOUT:
		return ERR_TIMEOUT;
	case ECONNREFUSED:
	case ECONNRESET:
	case EPIPE:
		return ERR_UNAVAILABLE;
	case ECANCELED:
		return ERR_CANCELLED;
	default:
		return ERR_SYSTEM;
	}
}

/* A message is one line, whatever foreign text went into it; no escape sequence reaches a terminal. */
static void format(char *out, size_t size, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));
static void format(char *out, size_t size, const char *fmt, va_list ap)
{
	vsnprintf(out, size, fmt, ap);
	for (char *c = out; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	assert(e->code == ERR_NONE && code != ERR_NONE);
	e->code = code;
	va_start(ap, fmt);
	format(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	return -1;
}

int err_sys(struct err *e, int sys, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	assert(e->code == ERR_NONE);
	e->code = code_of_errno(sys);
	e->sys = sys;
	va_start(ap, fmt);
	format(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	n = strlen(e->msg);
	snprintf(e->msg + n, sizeof(e->msg) - n, ": %s", strerror(sys));
	return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char old[sizeof(e->msg)];
	va_list ap;
	size_t n;

	assert(e->code != ERR_NONE);
	memcpy(old, e->msg, sizeof(old));
	va_start(ap, fmt);
	format(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	n = strlen(e->msg);
	snprintf(e->msg + n, sizeof(e->msg) - n, ": %s", old);
	return -1;
}

int err_hint(struct err *e, const char *fmt, ...)
{
	va_list ap;

	assert(e->code != ERR_NONE);
	va_start(ap, fmt);
	format(e->hint, sizeof(e->hint), fmt, ap);
	va_end(ap);
	return -1;
}

void err_clear(struct err *e)
{
	*e = (struct err){ 0 };
}

const char *err_code_name(enum err_code code)
{
	return code < ERR_CODE_COUNT ? code_names[code] : "Internal";
}

enum err_code err_code_from_name(const char *name)
{
	for (int i = 1; i < ERR_CODE_COUNT; i++)
		if (strcmp(code_names[i], name) == 0)
			return (enum err_code)i;
	return ERR_INTERNAL;
}
