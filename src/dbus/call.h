/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Writing D-Bus method calls. Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* What root says first; the other end answers with one line that begins with "OK ", and messages follow. ("30" is the uid 0 in hexadecimal.) */
#define DBUS_AUTH_ROOT "\0AUTH EXTERNAL 30\r\nBEGIN\r\n"

struct dbus_call {
	uint32_t serial;
	const char *destination, *path, *interface, *member;
	bool no_start;         /* a service that does not run is not started */
	const char *signature; /* of the body, which may be NULL */
	const struct str *body;
};

/* Appends the message. */
void dbus_put_call(struct str *s, const struct dbus_call *c);
/* These append to a body. */
void dbus_put_pad(struct str *s, size_t align);
void dbus_put_u32(struct str *s, uint32_t v);
void dbus_put_text(struct str *s, const char *text);
