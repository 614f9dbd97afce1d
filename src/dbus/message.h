/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* D-Bus messages (dbus.freedesktop.org/doc/dbus-specification.html): just enough to ask system services on their own bus or socket, without a
 * bus library. Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define DBUS_MESSAGE_MAX (1 << 20)
#define DBUS_HEAD 16
/* What root says first; the other end answers with one line that begins with "OK ", and messages follow. ("30" is the uid 0 in hexadecimal.) */
#define DBUS_AUTH_ROOT "\0AUTH EXTERNAL 30\r\nBEGIN\r\n"

enum dbus_kind { DBUS_CALL = 1, DBUS_REPLY, DBUS_ERROR, DBUS_SIGNAL };

/* What of a message matters here; body points into it. */
struct dbus_message {
	uint8_t type; /* enum dbus_kind */
	uint32_t reply_to;
	char member[64]; /* of a signal; "" if longer */
	const uint8_t *body;
	size_t n_body;
};

/* The whole length of the message that begins with these bytes. ERR_CORRUPT when they begin none, or one too long. */
MUST int dbus_message_size(const uint8_t head[static DBUS_HEAD], size_t *ret, struct err *e);
/* Reads a whole message, little-endian as the machine. ERR_CORRUPT. */
MUST int dbus_message_parse(const uint8_t *data, size_t n, struct dbus_message *ret, struct err *e);
/* The body, if it is a variant of a string that fits; else "". */
void dbus_body_variant(const struct dbus_message *m, char *ret, size_t room);
/* The nth string of a body that begins with strings, if it fits; else "". */
void dbus_body_text(const struct dbus_message *m, size_t nth, char *ret, size_t room);

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
