/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DNS over TCP (RFC 7766): messages behind two bytes of length, several on one connection, which ends when it is silent for too long. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "daemon/dns_internal.h"

enum { CONNECTIONS_MAX = 32, SILENT_MS = 10000, WAITING_MAX = 65536 };

struct connection {
	struct list link;
	struct dns_server *server;
	struct loop_source *source, *timer;
	int fd;
	struct str in, out;
};

static void connection_free(struct connection *c)
{
	struct loop *l = c->server->daemon->loop;

	loop_remove(l, c->source);
	loop_remove(l, c->timer);
	list_remove(&c->link);
	c->server->n_connections--;
	close(c->fd);
	str_done(&c->in);
	str_done(&c->out);
	free(c);
}

static void on_silent(struct loop *l, void *arg)
{
	struct connection *c = arg;

	c->timer = NULL;
	connection_free(c);
}

static void has_spoken(struct connection *c)
{
	struct loop *l = c->server->daemon->loop;

	loop_remove(l, c->timer);
	c->timer = loop_add_timer(l, time_now_ms() + SILENT_MS, on_silent, c);
	list_remove(&c->link);
	list_add_tail(&c->server->connections, &c->link);
}

static size_t length_at(const struct str *s, size_t at)
{
	const uint8_t *p = (const uint8_t *)s->data + at;

	return (size_t)p[0] << 8 | p[1];
}

/* Answers every whole message; -1 for one that nobody sends. */
static int answer_all(struct connection *c)
{
	const struct dns_zone *z = dns_server_zone(c->server);
	uint8_t out[2 + DNS_ANSWER_MAX];
	size_t at = 0;

	while (c->in.len - at >= 2 && c->out.len < WAITING_MAX) {
		size_t n = length_at(&c->in, at);

		if (n > DNS_QUERY_MAX)
			return -1;
		if (c->in.len - at < 2 + n)
			break;
		size_t answer = dns_answer(z, (const uint8_t *)c->in.data + at + 2, n, false, out + 2, DNS_ANSWER_MAX);
		if (!answer)
			return -1;
		out[0] = (uint8_t)(answer >> 8);
		out[1] = (uint8_t)answer;
		str_add_bytes(&c->out, out, 2 + answer);
		at += 2 + n;
	}
	if (at) {
		str_consume(&c->in, at);
		has_spoken(c);
	}
	return 0;
}

/* 0: sent as much as the peer takes for now. */
static int send_waiting(struct connection *c)
{
	while (c->out.len) {
		ssize_t n = send(c->fd, c->out.data, c->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			return -1;
		str_consume(&c->out, (size_t)n);
	}
	return 0;
}

/* Reads once a turn, so that one busy peer does not keep the others waiting. 0 at the end of the stream. */
static ssize_t read_some(struct connection *c)
{
	char buf[2 + DNS_QUERY_MAX];
	ssize_t n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 1;
	if (n > 0)
		str_add_bytes(&c->in, buf, (size_t)n);
	return n;
}

static void on_connection(struct loop *l, int fd, uint32_t revents, void *arg)
{
	struct connection *c = arg;
	struct err e = { 0 };
	bool full = c->out.len >= WAITING_MAX;

	if (send_waiting(c) < 0 || (!full && read_some(c) <= 0) || answer_all(c) < 0 || send_waiting(c) < 0 ||
	    loop_set_events(l, c->source, c->out.len >= WAITING_MAX ? EPOLLOUT : c->out.len ? EPOLLIN | EPOLLOUT : EPOLLIN, &e) < 0)
		connection_free(c);
}

static void on_accept(struct loop *l, int fd, uint32_t revents, void *arg)
{
	struct dns_server *s = arg;
	struct err e = { 0 };
	int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (peer < 0)
		return;
	if (s->n_connections >= CONNECTIONS_MAX)
		connection_free(list_entry(s->connections.next, struct connection, link));
	struct connection *c = NEW(struct connection);
	c->server = s;
	c->fd = peer;
	list_add_tail(&s->connections, &c->link);
	s->n_connections++;
	has_spoken(c);
	if (loop_add_fd(l, peer, EPOLLIN, on_connection, c, &c->source, &e) < 0)
		connection_free(c);
}

int dns_tcp_listen(struct dns_server *s, struct err *e)
{
	return loop_add_fd(s->daemon->loop, s->tcp, EPOLLIN, on_accept, s, &s->tcp_source, e);
}

void dns_tcp_close(struct dns_server *s)
{
	list_for_each(it, &s->connections)
		connection_free(list_entry(it, struct connection, link));
	loop_remove(s->daemon->loop, s->tcp_source);
}
