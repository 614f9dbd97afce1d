/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "dbus/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dbus_message m;
	struct err e = { 0 };
	char text[32];

	if (dbus_message_parse(data, size, &m, &e) < 0)
		return 0;
	dbus_body_variant(&m, text, sizeof(text));
	for (size_t i = 0; i < 4; i++)
		dbus_body_text(&m, i, text, sizeof(text));
	if (!memchr(m.member, 0, sizeof(m.member)) || !memchr(text, 0, sizeof(text)) || m.body + m.n_body != data + size)
		__builtin_trap();
	return 0;
}
