/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/systemd_state.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "dbus/call.h"
#include "dbus/message.h"

enum { SUBSCRIBE_SERIAL = 1, STATE_SERIAL = 2, LISTEN_MS = 10000 };

#define MANAGER "org.freedesktop.systemd1.Manager"

/* A call of systemd's manager object; body, two strings, may be NULL. */
static void put_call(struct str *s, uint32_t serial, const char *interface, const char *member, const struct str *body)
{
	dbus_put_call(s, &(struct dbus_call){ .serial = serial, .destination = "org.freedesktop.systemd1", .path = "/org/freedesktop/systemd1",
			      .interface = interface, .member = member, .signature = "ss", .body = body });
}

static MUST int authenticate(int fd, int64_t deadline_ms, struct err *e)
{
	static const char hello[] = DBUS_AUTH_ROOT;
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

	dbus_put_text(&body, MANAGER);
	dbus_put_text(&body, "SystemState");
	put_call(&s, STATE_SERIAL, "org.freedesktop.DBus.Properties", "Get", &body);
	return fd_write_all(fd, s.data, s.len, deadline_ms, e);
}

/* Without it there are no signals. */
static MUST int subscribe(int fd, int64_t deadline_ms, struct err *e)
{
	AUTO_DONE(str_done) struct str s = STR_INIT;

	put_call(&s, SUBSCRIBE_SERIAL, MANAGER, "Subscribe", NULL);
	return fd_write_all(fd, s.data, s.len, deadline_ms, e);
}

/* state: what its body says, if it is a variant of a string. */
static MUST int read_message(int fd, int64_t deadline_ms, struct dbus_message *ret, char state[static DBUS_STATE_MAX], struct err *e)
{
	AUTO_MEM uint8_t *data = NULL;
	uint8_t head[DBUS_HEAD];
	size_t n;

	if (fd_read_all(fd, head, sizeof(head), deadline_ms, e) < 0 || dbus_message_size(head, &n, e) < 0)
		return -1;
	data = mem_resize(NULL, n, 1);
	memcpy(data, head, sizeof(head));
	if (fd_read_all(fd, data + DBUS_HEAD, n - DBUS_HEAD, deadline_ms, e) < 0)
		return -1;
	if (dbus_message_parse(data, n, ret, e) < 0)
		return -1;
	dbus_body_variant(ret, state, DBUS_STATE_MAX);
	ret->body = NULL;
	return 0;
}

int dbus_systemd_state(const char *socket_path, bool wait, int64_t deadline_ms, char ret[static DBUS_STATE_MAX], struct err *e)
{
	AUTO_FD int fd = -1;
	struct dbus_message m;
	char state[DBUS_STATE_MAX];

	if (fd_connect_unix(socket_path, &fd, e) < 0 || authenticate(fd, deadline_ms, e) < 0)
		return -1;
	if ((wait && subscribe(fd, deadline_ms, e) < 0) || ask_state(fd, deadline_ms, e) < 0)
		return -1;
	for (;;) {
		if (read_message(fd, deadline_ms, &m, state, e) < 0)
			return -1;
		if (m.type == DBUS_ERROR && m.reply_to == STATE_SERIAL)
			return err_set(e, ERR_SYSTEM, "systemd does not tell its state");
		if (m.type == DBUS_SIGNAL && str_eq(m.member, "StartupFinished") && ask_state(fd, deadline_ms, e) < 0)
			return -1;
		if (m.type != DBUS_REPLY || m.reply_to != STATE_SERIAL)
			continue;
		if (wait && (str_eq(state, "initializing") || str_eq(state, "starting")))
			continue;
		snprintf(ret, DBUS_STATE_MAX, "%s", state);
		return 0;
	}
}

/* Systemd makes its folder and then the socket in it; each is an event. *ret_watch goes on telling of new names in the folder; -1: it cannot. */
static void wait_for_name(const char *run, int *ret_watch)
{
	AUTO_MEM char *folder = mem_printf("%s/systemd", run), *path = mem_printf("%s/private", folder);
	AUTO_FD int watch = inotify_init1(IN_CLOEXEC);
	char events[1024];

	*ret_watch = -1;
	if (watch < 0 || inotify_add_watch(watch, run, IN_CREATE | IN_MOVED_TO) < 0)
		return;
	for (;;) {
		/* again after each event: the folder may be new */
		inotify_add_watch(watch, folder, IN_CREATE | IN_MOVED_TO);
		if (access(path, F_OK) == 0)
			break;
		if (read(watch, events, sizeof(events)) <= 0)
			return;
	}
	*ret_watch = TAKE_FD(watch);
}

void dbus_systemd_there(const char *run)
{
	AUTO_FD int watch = -1;

	wait_for_name(run, &watch);
}

/* The socket has its name a moment before it listens, and that moment's end is no event. But what systemd makes next in the same folder is one
 * (manager_startup in its src/core/manager.c: units and, since 246, the varlink sockets come after the bus): then it listens. */
int dbus_systemd_booted(const char *run, char ret[static DBUS_STATE_MAX], struct err *e)
{
	AUTO_MEM char *path = mem_printf("%s/systemd/private", run);
	AUTO_FD int watch = -1;
	char events[1024];

	wait_for_name(run, &watch);
	while (dbus_systemd_state(path, true, FD_FOREVER, ret, e) < 0) {
		if (e->sys != ECONNREFUSED || watch < 0)
			return -1;
		err_clear(e);
		if (fd_wait(watch, POLLIN, time_now_ms() + LISTEN_MS, e) < 0)
			return -1;
		if (read(watch, events, sizeof(events)) < 0)
			return err_sys(e, errno, "watch '%s'", path);
	}
	return 0;
}
