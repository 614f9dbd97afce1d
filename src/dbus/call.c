/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dbus/call.h"

#include <string.h>

#include "dbus/message.h"

enum { PATH = 1, INTERFACE = 2, MEMBER = 3, DESTINATION = 6, SIGNATURE = 8 };
enum { NO_AUTO_START = 2 };

void dbus_put_pad(struct str *s, size_t align)
{
	while (s->len % align)
		str_add_char(s, 0);
}

void dbus_put_text(struct str *s, const char *text)
{
	uint32_t n = (uint32_t)strlen(text);

	dbus_put_pad(s, 4);
	str_add_bytes(s, &n, sizeof(n));
	str_add_bytes(s, text, n + 1);
}

static void put_field(struct str *s, uint8_t code, char kind, const char *text)
{
	uint8_t head[] = { code, 1, (uint8_t)kind, 0 }, n = (uint8_t)strlen(text);

	dbus_put_pad(s, 8);
	str_add_bytes(s, head, sizeof(head));
	if (kind != 'g') {
		dbus_put_text(s, text);
		return;
	}
	str_add_bytes(s, &n, 1);
	str_add_bytes(s, text, n + 1u);
}

void dbus_put_u32(struct str *s, uint32_t v)
{
	dbus_put_pad(s, 4);
	str_add_bytes(s, &v, sizeof(v));
}

void dbus_put_call(struct str *s, const struct dbus_call *c)
{
	struct str m = STR_INIT;
	uint32_t n_body = c->body ? (uint32_t)c->body->len : 0, n_fields;
	uint8_t head[DBUS_HEAD] = { 'l', DBUS_CALL, c->no_start ? NO_AUTO_START : 0, 1 };

	str_add_bytes(&m, head, sizeof(head));
	put_field(&m, PATH, 'o', c->path);
	put_field(&m, INTERFACE, 's', c->interface);
	put_field(&m, MEMBER, 's', c->member);
	put_field(&m, DESTINATION, 's', c->destination);
	if (c->body)
		put_field(&m, SIGNATURE, 'g', c->signature);
	n_fields = (uint32_t)m.len - DBUS_HEAD;
	memcpy(m.data + 4, &n_body, sizeof(n_body));
	memcpy(m.data + 8, &c->serial, sizeof(c->serial));
	memcpy(m.data + 12, &n_fields, sizeof(n_fields));
	dbus_put_pad(&m, 8);
	if (c->body)
		str_add_bytes(&m, c->body->data, c->body->len);
	str_add_bytes(s, m.data, m.len);
	str_done(&m);
}
