/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dbus/message.h"

#include <stdio.h>
#include <string.h>

enum { MEMBER = 3, REPLY_SERIAL = 5 };

static uint32_t get_u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

int dbus_message_size(const uint8_t head[static DBUS_HEAD], size_t *ret, struct err *e)
{
	uint64_t body = get_u32(head + 4), fields = get_u32(head + 12);

	if (head[0] != 'l' || head[3] != 1 || body > DBUS_MESSAGE_MAX || fields > DBUS_MESSAGE_MAX)
		return err_set(e, ERR_CORRUPT, "that is no D-Bus message");
	*ret = DBUS_HEAD + (size_t)((fields + 7) & ~(uint64_t)7) + (size_t)body;
	return 0;
}

/* A place in a message; ok turns false at the first step over its end. */
struct reader {
	const uint8_t *data;
	size_t at, end;
	bool ok;
};

static const uint8_t *take(struct reader *r, size_t align, size_t n)
{
	size_t at = (r->at + align - 1) & ~(align - 1);

	r->ok = r->ok && at <= r->end && n <= r->end - at;
	if (!r->ok)
		return NULL;
	r->at = at + n;
	return r->data + at;
}

static uint32_t take_u32(struct reader *r)
{
	const uint8_t *p = take(r, 4, 4);

	return p ? get_u32(p) : 0;
}

/* A string, copied if it fits. */
static void take_text(struct reader *r, char *out, size_t room)
{
	uint32_t n = take_u32(r);
	const uint8_t *p = take(r, 1, (size_t)n + 1);

	if (p && n < room)
		snprintf(out, room, "%.*s", (int)n, (const char *)p);
}

/* The one-letter signature in front of a variant's value; 0 for any other. */
static char take_kind(struct reader *r)
{
	const uint8_t *n = take(r, 1, 1), *p = n ? take(r, 1, (size_t)*n + 1) : NULL;

	return p && *n == 1 ? (char)*p : 0;
}

static void take_field(struct reader *r, struct dbus_message *m)
{
	const uint8_t *code = take(r, 8, 1);
	char kind = take_kind(r), other[1];

	switch (kind) {
	case 'u':
		if (code && *code == REPLY_SERIAL)
			m->reply_to = take_u32(r);
		else
			take_u32(r);
		break;
	case 's':
	case 'o':
		if (code && *code == MEMBER)
			take_text(r, m->member, sizeof(m->member));
		else
			take_text(r, other, sizeof(other));
		break;
	case 'g':
		(void)take_kind(r);
		break;
	default:
		r->ok = false;
	}
}

int dbus_message_parse(const uint8_t *data, size_t n, struct dbus_message *ret, struct err *e)
{
	struct reader r = { .data = data, .at = DBUS_HEAD, .end = n, .ok = true };
	struct dbus_message m = { 0 };
	size_t size;

	if (n < DBUS_HEAD)
		return err_set(e, ERR_CORRUPT, "a D-Bus message is cut");
	if (dbus_message_size(data, &size, e) < 0)
		return -1;
	if (size != n)
		return err_set(e, ERR_CORRUPT, "a D-Bus message is cut");
	m.type = data[1];
	r.end = DBUS_HEAD + get_u32(data + 12);
	while (r.ok && r.at < r.end)
		take_field(&r, &m);
	if (!r.ok)
		return err_set(e, ERR_CORRUPT, "a D-Bus message makes no sense");
	m.n_body = get_u32(data + 4);
	m.body = data + n - m.n_body;
	*ret = m;
	return 0;
}

void dbus_body_variant(const struct dbus_message *m, char *ret, size_t room)
{
	struct reader r = { .data = m->body, .end = m->n_body, .ok = true };

	*ret = 0;
	if (take_kind(&r) == 's')
		take_text(&r, ret, room);
}

void dbus_body_text(const struct dbus_message *m, size_t nth, char *ret, size_t room)
{
	struct reader r = { .data = m->body, .end = m->n_body, .ok = true };
	char other[1];

	*ret = 0;
	while (nth--)
		take_text(&r, other, sizeof(other));
	take_text(&r, ret, room);
}
