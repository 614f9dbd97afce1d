/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/dbus.h"

#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"

enum { CALL = 1, REPLY, ERROR, SIGNAL };
enum { PATH = 1, INTERFACE = 2, MEMBER = 3, REPLY_SERIAL = 5, DESTINATION = 6, SIGNATURE = 8 };
enum { SUBSCRIBE_SERIAL = 1, STATE_SERIAL = 2, HEAD = 16 };

#define MANAGER "org.freedesktop.systemd1.Manager"

static uint32_t get_u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

int dbus_message_size(const uint8_t head[static HEAD], size_t *ret, struct err *e)
{
	uint64_t body = get_u32(head + 4), fields = get_u32(head + 12);

	if (head[0] != 'l' || head[3] != 1 || body > DBUS_MESSAGE_MAX || fields > DBUS_MESSAGE_MAX)
		return err_set(e, ERR_CORRUPT, "systemd's answer is no D-Bus message");
	*ret = HEAD + (size_t)((fields + 7) & ~(uint64_t)7) + (size_t)body;
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
	struct reader r = { .data = data, .at = HEAD, .end = n, .ok = true };
	struct dbus_message m = { 0 };
	size_t size;

	if (n < HEAD)
		return err_set(e, ERR_CORRUPT, "a D-Bus message is cut");
	if (dbus_message_size(data, &size, e) < 0)
		return -1;
	if (size != n)
		return err_set(e, ERR_CORRUPT, "a D-Bus message is cut");
	m.type = data[1];
	r.end = HEAD + get_u32(data + 12);
	while (r.ok && r.at < r.end)
		take_field(&r, &m);
	if (!r.ok)
		return err_set(e, ERR_CORRUPT, "a D-Bus message makes no sense");
	r.end = n;
	if (m.type == REPLY && take(&r, 8, 0) && take_kind(&r) == 's')
		take_text(&r, m.state, sizeof(m.state));
	*ret = m;
	return 0;
}

static void put_pad(struct str *s, size_t align)
{
	while (s->len % align)
		str_add_char(s, 0);
}

static void put_text(struct str *s, const char *text)
{
	uint32_t n = (uint32_t)strlen(text);

	put_pad(s, 4);
	str_add_bytes(s, &n, sizeof(n));
	str_add_bytes(s, text, n + 1);
}

static void put_field(struct str *s, uint8_t code, char kind, const char *text)
{
	uint8_t head[] = { code, 1, (uint8_t)kind, 0 }, n = (uint8_t)strlen(text);

	put_pad(s, 8);
	str_add_bytes(s, head, sizeof(head));
	if (kind != 'g') {
		put_text(s, text);
		return;
	}
	str_add_bytes(s, &n, 1);
	str_add_bytes(s, text, n + 1u);
}

/* A call of systemd's manager object; body may be NULL. */
static void put_call(struct str *s, uint32_t serial, const char *interface, const char *member, const char *signature, const struct str *body)
{
	struct str m = STR_INIT;
	uint32_t n_body = body ? (uint32_t)body->len : 0, n_fields;
	uint8_t head[HEAD] = { 'l', CALL, 0, 1 };

	str_add_bytes(&m, head, sizeof(head));
	put_field(&m, PATH, 'o', "/org/freedesktop/systemd1");
	put_field(&m, INTERFACE, 's', interface);
	put_field(&m, MEMBER, 's', member);
	put_field(&m, DESTINATION, 's', "org.freedesktop.systemd1");
	if (body)
		put_field(&m, SIGNATURE, 'g', signature);
	n_fields = (uint32_t)m.len - HEAD;
	memcpy(m.data + 4, &n_body, sizeof(n_body));
	memcpy(m.data + 8, &serial, sizeof(serial));
	memcpy(m.data + 12, &n_fields, sizeof(n_fields));
	put_pad(&m, 8);
	if (body)
		str_add_bytes(&m, body->data, body->len);
	str_add_bytes(s, m.data, m.len);
	str_done(&m);
}

/* Root says that it is root ("30" is "0" in hexadecimal), and the daemon answers with one line. */
static MUST int authenticate(int fd, int64_t deadline_ms, struct err *e)
{
	static const char hello[] = "\0AUTH EXTERNAL 30\r\nBEGIN\r\n";
	char line[128], c = 0;
	size_t n = 0;

	if (fd_write_all(fd, hello, sizeof(hello) - 1, deadline_ms, e) < 0)
		return -1;
	while (c != '\n' && n < sizeof(line) - 1) {
		if (fd_read_all(fd, &c, 1, deadline_ms, e) < 0)
			return -1;
		line[n++] = c;
	}
	line[n] = 0;
	return str_starts(line, "OK ") ? 0 : err_set(e, ERR_DENIED, "systemd refuses the connection");
}

static MUST int ask_state(int fd, int64_t deadline_ms, struct err *e)
{
	AUTO_DONE(str_done) struct str body = STR_INIT;
	AUTO_DONE(str_done) struct str s = STR_INIT;

	put_text(&body, MANAGER);
	put_text(&body, "SystemState");
	put_call(&s, STATE_SERIAL, "org.freedesktop.DBus.Properties", "Get", "ss", &body);
	return fd_write_all(fd, s.data, s.len, deadline_ms, e);
}

/* Without it there are no signals. */
static MUST int subscribe(int fd, int64_t deadline_ms, struct err *e)
{
	AUTO_DONE(str_done) struct str s = STR_INIT;

	put_call(&s, SUBSCRIBE_SERIAL, MANAGER, "Subscribe", NULL, NULL);
	return fd_write_all(fd, s.data, s.len, deadline_ms, e);
}

static MUST int read_message(int fd, int64_t deadline_ms, struct dbus_message *ret, struct err *e)
{
	AUTO_MEM uint8_t *data = NULL;
	uint8_t head[HEAD];
	size_t n;

	if (fd_read_all(fd, head, sizeof(head), deadline_ms, e) < 0 || dbus_message_size(head, &n, e) < 0)
		return -1;
	data = mem_resize(NULL, n, 1);
	memcpy(data, head, sizeof(head));
	if (fd_read_all(fd, data + HEAD, n - HEAD, deadline_ms, e) < 0)
		return -1;
	return dbus_message_parse(data, n, ret, e);
}

int dbus_systemd_state(const char *socket_path, bool wait, int64_t deadline_ms, char ret[static DBUS_STATE_MAX], struct err *e)
{
	AUTO_FD int fd = -1;
	struct dbus_message m;

	if (fd_connect_unix(socket_path, &fd, e) < 0 || authenticate(fd, deadline_ms, e) < 0)
		return -1;
	if ((wait && subscribe(fd, deadline_ms, e) < 0) || ask_state(fd, deadline_ms, e) < 0)
		return -1;
	for (;;) {
		if (read_message(fd, deadline_ms, &m, e) < 0)
			return -1;
		if (m.type == ERROR && m.reply_to == STATE_SERIAL)
			return err_set(e, ERR_SYSTEM, "systemd does not tell its state");
		if (m.type == SIGNAL && str_eq(m.member, "StartupFinished") && ask_state(fd, deadline_ms, e) < 0)
			return -1;
		if (m.type != REPLY || m.reply_to != STATE_SERIAL)
			continue;
		if (wait && (str_eq(m.state, "initializing") || str_eq(m.state, "starting")))
			continue;
		snprintf(ret, DBUS_STATE_MAX, "%s", m.state);
		return 0;
	}
}
