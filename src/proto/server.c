/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto/server.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/mem.h"
#include "proto/proto_internal.h"

enum { MAX_CONNECTIONS = 64, MESSAGE_MS = 10000, ACCEPTS_A_TURN = 16, PAUSE_MS = 200 };

struct listener {
	struct list link;
	struct varlink_server *srv;
	int fd;
	varlink_accept_fn check;
	struct loop_source *source, *timer;
};

int varlink_server_new(struct loop *loop, const struct varlink_interface *const *ifaces, size_t n_ifaces,
	const struct varlink_server_conf *conf, struct varlink_server **ret, struct err *e)
{
	struct varlink_server *srv = NEW(struct varlink_server);

	srv->loop = loop;
	srv->ifaces = ifaces;
	srv->n_ifaces = n_ifaces;
	srv->conf = *conf;
	if (!srv->conf.max_message)
		srv->conf.max_message = VARLINK_MAX_MESSAGE;
	if (!srv->conf.max_connections)
		srv->conf.max_connections = MAX_CONNECTIONS;
	if (!srv->conf.message_ms)
		srv->conf.message_ms = MESSAGE_MS;
	list_init(&srv->listeners);
	list_init(&srv->conns);
	*ret = srv;
	return 0;
}

static void listener_free(struct listener *li)
{
	list_remove(&li->link);
	loop_remove(li->srv->loop, li->source);
	loop_remove(li->srv->loop, li->timer);
	close(li->fd);
	free(li);
}

void varlink_server_free(struct varlink_server *srv)
{
	if (!srv)
		return;
	list_for_each(it, &srv->listeners)
		listener_free(list_entry(it, struct listener, link));
	while (!list_empty(&srv->conns))
		varlink_conn_destroy(list_entry(srv->conns.next, struct varlink_conn, link));
	free(srv);
}

size_t varlink_server_connections(const struct varlink_server *srv)
{
	return srv->n_conns;
}

void *varlink_server_context(const struct varlink_server *srv)
{
	return srv->conf.context;
}

static struct varlink_conn *conn_new(struct varlink_server *srv, int fd, void *context)
{
	struct varlink_conn *c = NEW(struct varlink_conn);

	c->srv = srv;
	c->fd = fd;
	c->context = context;
	c->peer = (struct ucred){ .uid = (uid_t)-1, .gid = (gid_t)-1 };
	list_init(&c->out);
	list_add_tail(&srv->conns, &c->link);
	srv->n_conns++;
	return c;
}

static void read_peer(int fd, struct ucred *ret)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	/* Sockets that are not unix ones fail here or give nobody. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 && n == sizeof(peer))
		*ret = peer;
}

static bool is_unix(int fd)
{
	int domain = 0;
	socklen_t n = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 && domain == AF_UNIX;
}

int varlink_server_add(struct varlink_server *srv, int fd, void *conn_context, struct varlink_conn **ret, struct err *e)
{
	AUTO_FD int owned = fd;
	struct loop_source *source;
	struct varlink_conn *c;

	if (srv->n_conns >= srv->conf.max_connections)
		return err_set(e, ERR_BUSY, "too many connections");
	if (fd_set_nonblock(fd, true, e) < 0)
		return -1;
	c = conn_new(srv, fd, conn_context);
	if (loop_add_fd(srv->loop, fd, EPOLLIN, varlink_conn_on_event, c, &source, e) < 0) {
		list_remove(&c->link);
		srv->n_conns--;
		free(c);
		return -1;
	}
	c->source = source;
	c->events = EPOLLIN;
	c->eof_is_gone = !is_unix(fd);
	read_peer(fd, &c->peer);
	TAKE_FD(owned);
	varlink_conn_watch(c);
	if (ret)
		*ret = c;
	return 0;
}

/* One try to say why; nobody waits for a client that is turned away. */
static void turn_away(int fd)
{
	AUTO_DONE(str_done) struct str text = STR_INIT;
	struct err e = { 0 };

	err_set(&e, ERR_BUSY, "too many connections");
	varlink_error_write(&e, &text);
	if (fd_send_msg(fd, text.data, text.len, NULL, 0) < 0)
		return;
}

static void admit(struct listener *li, int fd)
{
	AUTO_FD int owned = fd;
	struct ucred peer = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	struct varlink_server *srv = li->srv;
	void *context = NULL;
	struct err e = { 0 };

	read_peer(fd, &peer);
	if (srv->n_conns >= srv->conf.max_connections) {
		turn_away(fd);
		if (srv->conf.on_refused)
			srv->conf.on_refused(&peer, "too many connections", srv->conf.context);
		return;
	}
	if (li->check && li->check(srv, fd, &peer, &context) < 0)
		return;
	if (varlink_server_add(srv, TAKE_FD(owned), context, NULL, &e) == 0)
		return;
	if (srv->conf.on_refused)
		srv->conf.on_refused(&peer, e.msg, srv->conf.context);
	if (srv->conf.on_disconnect)
		srv->conf.on_disconnect(NULL, context);
}

static void on_resume(struct loop *l, void *arg)
{
	struct listener *li = arg;
	struct err e = { 0 };

	li->timer = NULL;
	if (loop_set_events(l, li->source, EPOLLIN, &e) < 0)
		li->timer = loop_add_timer(l, time_now_ms() + PAUSE_MS, on_resume, li);
}

static void on_listener(struct loop *l, int listen_fd, uint32_t revents, void *arg)
{
	struct listener *li = arg;
	struct err e = { 0 };

	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			admit(li, fd);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno == EAGAIN)
			return;
		/* No descriptors or no memory: the client stays in the queue, and the loop must not spin on it. */
		if (loop_set_events(l, li->source, 0, &e) == 0 && !li->timer)
			li->timer = loop_add_timer(l, time_now_ms() + PAUSE_MS, on_resume, li);
		return;
	}
}

int varlink_server_listen(struct varlink_server *srv, int listen_fd, varlink_accept_fn accept_check, struct err *e)
{
	AUTO_FD int owned = listen_fd;
	struct loop_source *source;
	struct listener *li;

	if (fd_set_nonblock(listen_fd, true, e) < 0)
		return -1;
	li = NEW(struct listener);
	if (loop_add_fd(srv->loop, listen_fd, EPOLLIN, on_listener, li, &source, e) < 0) {
		free(li);
		return -1;
	}
	li->source = source;
	li->srv = srv;
	li->fd = TAKE_FD(owned);
	li->check = accept_check;
	list_add_tail(&srv->listeners, &li->link);
	return 0;
}

void varlink_server_feed(struct varlink_server *srv, const void *data, size_t n, struct str *written)
{
	struct varlink_conn *c = conn_new(srv, -1, NULL);

	c->feed_out = written;
	varlink_input_add(&c->in, data, n);
	c->eof = true;
	varlink_conn_run(c);
	/* A call that is answered later, or never, keeps it: the client is gone. */
	if (srv->conns.prev == &c->link)
		varlink_conn_destroy(c);
}
