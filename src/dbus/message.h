/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* D-Bus messages (dbus.freedesktop.org/doc/dbus-specification.html): just enough to ask system services on their own bus or socket, without a
 * bus library. Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define DBUS_MESSAGE_MAX (1 << 20)
#define DBUS_HEAD 16

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
