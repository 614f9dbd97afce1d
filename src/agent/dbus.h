/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Just enough of D-Bus (dbus.freedesktop.org/doc/dbus-specification.html) to ask systemd on its own socket how far it is: no bus daemon and no
 * program of the image is needed. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define DBUS_SYSTEMD "/run/systemd/private"
#define DBUS_STATE_MAX 32
#define DBUS_MESSAGE_MAX (1 << 20)

/* SystemState of systemd's manager: "initializing", "starting", "running", "degraded", "maintenance", "stopping". wait: only once it is
 * neither of the first two. */
MUST int dbus_systemd_state(const char *socket_path, bool wait, int64_t deadline_ms, char ret[static DBUS_STATE_MAX], struct err *e);

/* What of a message matters here; text points into it. */
struct dbus_message {
	uint8_t type; /* 2 reply, 3 error, 4 signal */
	uint32_t reply_to;
	char member[64];            /* of a signal; "" if longer */
	char state[DBUS_STATE_MAX]; /* a reply's body, if that is a variant of a string that fits; else "" */
};

/* The whole length of the message that begins with these 16 bytes. ERR_CORRUPT when they begin none, or one too long. */
MUST int dbus_message_size(const uint8_t head[static 16], size_t *ret, struct err *e);
/* Reads a whole message, little-endian as the machine. ERR_CORRUPT. */
MUST int dbus_message_parse(const uint8_t *data, size_t n, struct dbus_message *ret, struct err *e);
