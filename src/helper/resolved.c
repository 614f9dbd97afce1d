/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Methods and signatures: org.freedesktop.resolve1(5); LinkDNSEx exists since systemd 246. */
#include "helper/resolved.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "dbus/call.h"
#include "dbus/message.h"

#define SYSTEM_BUS "/run/dbus/system_bus_socket"
#define RESOLVED "org.freedesktop.resolve1"
#define DOMAIN "vm"

enum { END_MS = 1000, ZONES_MAX = 16 };

struct resolved {
	struct loop *loop;
	struct loop_source *source;
	const char *bridge;
	struct addr_net net;
	bool other_namespace; /* than the machine's, whose resolved would take our index for one of its own */
	uint32_t address;
	uint16_t port;
	int fd;
	bool greeted;
	uint32_t serial, first_serial; /* the last call; the first about the link that is told now */
	unsigned told;                 /* index of the link that resolved was told of, 0 for none */
	struct str in;
	char last_reason[200];
};

static void disconnect(struct resolved *r)
{
	loop_remove(r->loop, r->source);
	r->source = NULL;
	auto_fd_close(&r->fd);
	str_done(&r->in);
	r->told = 0;
}

/* The few calls fit into the socket; a bus that does not read them is none. */
static void send_all(struct resolved *r, const struct str *s)
{
	if (r->fd >= 0 && send(r->fd, s->data, s->len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)s->len)
		disconnect(r);
}

static void put_link_call(struct resolved *r, struct str *s, const char *member, const char *signature, const struct str *body)
{
	dbus_put_call(s, &(struct dbus_call){ .serial = ++r->serial, .destination = RESOLVED, .path = "/org/freedesktop/resolve1",
			      .interface = RESOLVED ".Manager", .member = member, .no_start = true, .signature = signature, .body = body });
}

/* An array's length is known once it is written: begin returns where it goes; elements of structs begin at eight. */
static size_t array_begin(struct str *s)
{
	size_t at;

	dbus_put_u32(s, 0);
	at = s->len - 4;
	dbus_put_pad(s, 8);
	return at;
}

static void array_end(struct str *s, size_t at)
{
	uint32_t n = (uint32_t)(s->len - (at + 4 + 7) / 8 * 8);

	memcpy(s->data + at, &n, sizeof(n));
}

static void put_server(struct resolved *r, unsigned link, struct str *s)
{
	const uint8_t address[] = { (uint8_t)(r->address >> 24), (uint8_t)(r->address >> 16), (uint8_t)(r->address >> 8), (uint8_t)r->address };
	AUTO_DONE(str_done) struct str body = STR_INIT;
	size_t array;

	dbus_put_u32(&body, link);
	array = array_begin(&body);
	dbus_put_u32(&body, AF_INET);
	dbus_put_u32(&body, sizeof(address));
	str_add_bytes(&body, address, sizeof(address));
	str_add_bytes(&body, &r->port, sizeof(r->port));
	dbus_put_text(&body, "");
	array_end(&body, array);
	put_link_call(r, s, "SetLinkDNSEx", "ia(iayqs)", &body);
}

static void put_domain(struct str *body, const char *domain)
{
	dbus_put_pad(body, 8);
	dbus_put_text(body, domain);
	dbus_put_u32(body, 1); /* asked there, never appended to a name */
}

/* A network that ends within an octet has several zones, of which resolved is told if they are few. */
static void put_domains(struct resolved *r, unsigned link, struct str *s)
{
	AUTO_DONE(str_done) struct str body = STR_INIT;
	unsigned octets = (r->net.prefix + 7) / 8, zones = 1u << (octets * 8 - r->net.prefix);
	uint32_t network = r->net.host & addr_mask(&r->net);
	size_t array;

	dbus_put_u32(&body, link);
	array = array_begin(&body);
	put_domain(&body, DOMAIN);
	for (uint32_t i = 0; zones <= ZONES_MAX && i < zones; i++) {
		uint32_t zone = network + (i << (32 - octets * 8));
		char text[40] = "";
		size_t at = 0;

		for (unsigned o = octets; o--;)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%u.", zone >> (24 - 8 * o) & 255);
		snprintf(text + at, sizeof(text) - at, "in-addr.arpa");
		put_domain(&body, text);
	}
	array_end(&body, array);
	put_link_call(r, s, "SetLinkDomains", "ia(sb)", &body);
}

static void put_word(struct resolved *r, unsigned link, const char *member, const char *word, struct str *s)
{
	AUTO_DONE(str_done) struct str body = STR_INIT;

	dbus_put_u32(&body, link);
	if (word)
		dbus_put_text(&body, word);
	else
		dbus_put_u32(&body, 0);
	put_link_call(r, s, member, word ? "is" : "ib", &body);
}

static void tell(struct resolved *r, unsigned link)
{
	AUTO_DONE(str_done) struct str s = STR_INIT;

	r->first_serial = r->serial + 1;
	put_server(r, link, &s);
	put_domains(r, link, &s);
	put_word(r, link, "SetLinkDefaultRoute", NULL, &s);
	/* What the machine asks of servers elsewhere, signatures and encryption, makes no sense on loopback. */
	put_word(r, link, "SetLinkDNSSEC", "no", &s);
	put_word(r, link, "SetLinkDNSOverTLS", "no", &s);
	r->told = link;
	send_all(r, &s);
}

static void revert(struct resolved *r)
{
	AUTO_DONE(str_done) struct str s = STR_INIT, body = STR_INIT;

	dbus_put_u32(&body, r->told);
	put_link_call(r, &s, "RevertLink", "i", &body);
	r->told = 0;
	send_all(r, &s);
}

static void on_reply(struct resolved *r, const struct dbus_message *m)
{
	char why[200], name[80], owner[80];

	if (m->type == DBUS_ERROR && r->told && m->reply_to >= r->first_serial) {
		dbus_body_text(m, 0, why, sizeof(why));
		if (!str_eq(why, r->last_reason))
			log_info("systemd-resolved does not learn of .vm", "why", why);
		snprintf(r->last_reason, sizeof(r->last_reason), "%s", why);
		r->told = 0;
	}
	if (m->type != DBUS_SIGNAL || !str_eq(m->member, "NameOwnerChanged"))
		return;
	dbus_body_text(m, 0, name, sizeof(name));
	dbus_body_text(m, 2, owner, sizeof(owner));
	if (!str_eq(name, RESOLVED))
		return;
	r->told = 0;
	if (*owner) {
		log_info("systemd-resolved is new");
		resolved_look(r);
	}
}

/* Takes whole messages from what has come; -1 for bytes that are none. */
static int read_messages(struct resolved *r)
{
	struct dbus_message m;
	struct err ignored = { 0 };
	size_t n;

	if (!r->greeted) {
		const char *end = r->in.len ? memchr(r->in.data, '\n', r->in.len) : NULL;

		if (!end)
			return r->in.len > 256 ? -1 : 0;
		if (!str_starts(r->in.data, "OK "))
			return -1;
		str_consume(&r->in, (size_t)(end - r->in.data) + 1);
		r->greeted = true;
	}
	while (r->in.len >= DBUS_HEAD) {
		if (dbus_message_size((const uint8_t *)r->in.data, &n, &ignored) < 0)
			return -1;
		if (r->in.len < n)
			return 0;
		if (dbus_message_parse((const uint8_t *)r->in.data, n, &m, &ignored) < 0)
			return -1;
		on_reply(r, &m);
		/* What followed from it may have ended the connection. */
		if (r->fd < 0)
			return 0;
		str_consume(&r->in, n);
	}
	return 0;
}

static void on_bus(struct loop *l, int fd, uint32_t revents, void *arg)
{
	struct resolved *r = arg;
	char buf[4096];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		str_add_bytes(&r->in, buf, (size_t)n);
	if (n <= 0 || read_messages(r) < 0)
		disconnect(r);
}

static MUST int connect_bus(struct resolved *r, struct err *e)
{
	static const char match[] = "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
				    "member='NameOwnerChanged',arg0='" RESOLVED "'";
	struct dbus_call call = { .serial = 1, .destination = "org.freedesktop.DBus", .path = "/org/freedesktop/DBus",
		.interface = "org.freedesktop.DBus", .member = "Hello" };
	AUTO_DONE(str_done) struct str s = STR_INIT, body = STR_INIT;

	if (r->fd >= 0)
		return 0;
	if (fd_connect_unix(SYSTEM_BUS, &r->fd, e) < 0)
		return -1;
	r->greeted = false;
	r->serial = 2;
	str_add_bytes(&s, DBUS_AUTH_ROOT, sizeof(DBUS_AUTH_ROOT) - 1);
	dbus_put_call(&s, &call);
	dbus_put_text(&body, match);
	call = (struct dbus_call){ .serial = 2, .destination = call.destination, .path = call.path, .interface = call.interface,
		.member = "AddMatch", .signature = "s", .body = &body };
	dbus_put_call(&s, &call);
	if (loop_add_fd(r->loop, r->fd, EPOLLIN, on_bus, r, &r->source, e) < 0) {
		disconnect(r);
		return -1;
	}
	send_all(r, &s);
	return r->fd >= 0 ? 0 : err_set(e, ERR_UNAVAILABLE, "the system bus does not listen");
}

void resolved_look(struct resolved *r)
{
	unsigned link = r && r->port && !r->other_namespace ? if_nametoindex(r->bridge) : 0;
	struct err why = { 0 };

	if (!link || (link == r->told && r->fd >= 0))
		return;
	if (connect_bus(r, &why) == 0)
		tell(r, link);
	else
		log_debug("no system bus", "why", why.msg);
}

void resolved_serve(struct resolved *r, uint32_t address, uint16_t port)
{
	if (!r)
		return;
	if (!port && r->told)
		revert(r);
	if (address != r->address || port != r->port)
		r->told = 0;
	r->address = address;
	r->port = port;
	resolved_look(r);
}

void resolved_end(struct resolved *r)
{
	int64_t deadline = time_now_ms() + END_MS;
	struct err ignored = { 0 };
	struct dbus_message m;
	char buf[4096];
	size_t n;

	if (!r || r->fd < 0 || !r->told)
		return;
	revert(r);
	/* It asks the bus who the caller is, so the caller has to stay until it has answered. */
	while (r->fd >= 0 && fd_wait(r->fd, POLLIN, deadline, &ignored) == 0) {
		ssize_t got = recv(r->fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (got <= 0)
			return;
		str_add_bytes(&r->in, buf, (size_t)got);
		while (r->greeted && r->in.len >= DBUS_HEAD) {
			if (dbus_message_size((const uint8_t *)r->in.data, &n, &ignored) < 0 || r->in.len < n)
				break;
			if (dbus_message_parse((const uint8_t *)r->in.data, n, &m, &ignored) < 0 || m.reply_to == r->serial)
				return;
			str_consume(&r->in, n);
		}
	}
}

static bool in_namespace_of_init(void)
{
	struct stat own, init;

	/* Who may not look there was started by the service manager, beside resolved. */
	return stat("/proc/1/ns/net", &init) < 0 || stat("/proc/self/ns/net", &own) < 0 || (own.st_ino == init.st_ino && own.st_dev == init.st_dev);
}

struct resolved *resolved_new(struct loop *loop, const char *bridge, const struct addr_net *net)
{
	struct resolved *r = NEW(struct resolved);

	*r = (struct resolved){ .loop = loop, .bridge = bridge, .net = *net, .fd = -1, .other_namespace = !in_namespace_of_init() };
	return r;
}

void resolved_free(struct resolved *r)
{
	if (!r)
		return;
	disconnect(r);
	free(r);
}
