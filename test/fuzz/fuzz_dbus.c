/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "agent/dbus.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dbus_message m;
	struct err e = { 0 };

	if (dbus_message_parse(data, size, &m, &e) == 0 && (memchr(m.member, 0, sizeof(m.member)) == NULL || memchr(m.state, 0, sizeof(m.state)) == NULL))
		__builtin_trap();
	return 0;
}
