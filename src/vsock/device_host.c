/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The device's unix sockets: greetings on the listener, connections for the guest, watching. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "vsock/device_internal.h"

enum {
	GREETING_MAX = 32,        /* bytes of "CONNECT port\n", as Firecracker */
	GREETING_WAIT_MS = 10000,
	BACKLOG_RETRY_MS = 5,
};

/* An accepted connection that has not said its port. */
struct greeting {
	struct list link;
	struct vsock_device *device;
	int fd;
	struct loop_source *source, *timer;
};

static void greeting_end(struct greeting *g)
{
	struct vsock_device *d = g->device;

	list_remove(&g->link);
	loop_remove(d->loop, g->source);
	loop_remove(d->loop, g->timer);
	d->n_conns--;
	if (g->fd >= 0)
		close(g->fd);
	free(g);
}

static uint32_t free_port(struct vsock_device *d, uint32_t peer_port)
{
	do
		d->last_port = ((d->last_port + 1) & 0x7fffffffu) | 1u << 30;
	while (vsock_device_find(d, d->last_port, peer_port));
	return d->last_port;
}

/* Looks at the line without taking what follows it. 1: *ret_port is set, 0: not all is there, -1: no such line. */
static int read_greeting(int fd, uint32_t *ret_port)
{
	char line[GREETING_MAX + 1], *end;
	struct err ignored = { 0 };
	int64_t port;
	ssize_t n = recv(fd, line, GREETING_MAX, MSG_PEEK);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	line[n] = 0;
	end = memchr(line, '\n', (size_t)n);
	if (!end)
		return n == 0 || n == GREETING_MAX ? -1 : 0;
	n = recv(fd, line, (size_t)(end - line) + 1, 0);
	*end = 0;
	if (n != end - line + 1 || strncasecmp(line, "connect ", 8) != 0)
		return -1;
	/* Any wrong number gets the same answer: the connection closes. */
	if (str_to_int(line + 8, 0, UINT32_MAX, "port", &port, &ignored) < 0)
		return -1;
	*ret_port = (uint32_t)port;
	return 1;
}

static void on_greeting(struct loop *l, int fd, uint32_t revents, void *arg)
{
	struct greeting *g = arg;
	struct vsock_device *d = g->device;
	struct vsock_conn *c;
	uint32_t port;
	int r = read_greeting(fd, &port);

	/* A peer that half-closed with half a line will not finish it. */
	if (r == 0 && !(revents & (EPOLLHUP | EPOLLRDHUP)))
		return;
	if (r > 0)
		TAKE_FD(g->fd);
	loop_remove(d->loop, g->source);
	greeting_end(g);
	if (r <= 0)
		return;
	c = vsock_device_add(d, fd, free_port(d, port), port, VSOCK_LOCAL_INIT);
	c->say = VSOCK_SAY_REQUEST;
	vsock_device_settle(d, c);
	vsock_device_work(d);
}

static void on_greeting_late(struct loop *l, void *arg)
{
	struct greeting *g = arg;

	g->timer = NULL;
	greeting_end(g);
}

static void on_accept(struct loop *l, int fd, uint32_t revents, void *arg)
{
	struct vsock_device *d = arg;
	struct err ignored = { 0 };
	struct greeting *g;
	int sock = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (sock < 0)
		return;
	if (d->n_conns >= VSOCK_CONNECTIONS_MAX) {
		log_debug("vsock: too many connections");
		close(sock);
		return;
	}
	g = NEW(struct greeting);
	g->device = d;
	g->fd = sock;
	list_init(&g->link);
	d->n_conns++;
	list_add_tail(&d->greetings, &g->link);
	g->timer = loop_add_timer(l, time_now_ms() + GREETING_WAIT_MS, on_greeting_late, g);
	/* Edges, since half a line stays readable. Out of kernel memory for one watch: the caller sees a closed connection. */
	if (loop_add_fd(l, sock, EPOLLIN | EPOLLRDHUP | EPOLLET, on_greeting, g, &g->source, &ignored) < 0)
		greeting_end(g);
}

int vsock_host_listen(struct vsock_device *d, struct err *e)
{
	if (fd_set_nonblock(d->listen_fd, true, e) < 0)
		return -1;
	return loop_add_fd(d->loop, d->listen_fd, EPOLLIN, on_accept, d, &d->listen, e);
}

void vsock_host_stop(struct vsock_device *d)
{
	loop_remove(d->loop, d->listen);
	list_for_each(it, &d->greetings)
		greeting_end(list_entry(it, struct greeting, link));
}

static void on_socket(struct loop *l, int fd, uint32_t revents, void *arg)
{
	struct vsock_conn *c = arg;
	struct vsock_device *d = c->device;

	if (revents & (EPOLLIN | EPOLLHUP | EPOLLRDHUP | EPOLLERR))
		c->readable = true;
	if (revents & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		vsock_conn_flush(c);
	vsock_device_settle(d, c);
	vsock_device_work(d);
}

void vsock_host_watch(struct vsock_device *d, struct vsock_conn *c)
{
	/* Edges: what is readable is remembered, and the guest's room decides when it is read. */
	uint32_t events = EPOLLET | EPOLLIN | EPOLLRDHUP | (c->held_len ? EPOLLOUT : 0);
	struct err ignored = { 0 };
	int r = 0;

	if (!c->source)
		r = loop_add_fd(d->loop, c->fd, events, on_socket, c, &c->source, &ignored);
	else if (events != c->events)
		r = loop_set_events(d->loop, c->source, events, &ignored);
	c->events = events;
	/* The kernel has no memory for the watch: without it the connection would hang. */
	if (r < 0 && c->state != VSOCK_DEAD) {
		vsock_conn_kill(c);
		if (list_empty(&c->ready))
			list_add_tail(&d->ready, &c->ready);
	}
}

/* The socket of one host port. -1 with errno. */
static int connect_port(struct vsock_device *d, uint32_t port)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	const char *name = strrchr(d->uds, '/');
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int n;

	if (fd < 0)
		return -1;
	if (d->uds_dir_fd >= 0)
		n = snprintf(sun.sun_path, sizeof(sun.sun_path), "/proc/self/fd/%d/%s_%u", d->uds_dir_fd, name ? name + 1 : d->uds, port);
	else
		n = snprintf(sun.sun_path, sizeof(sun.sun_path), "%s_%u", d->uds, port);
	if (n < 0 || (size_t)n >= sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		return -1;
	return TAKE_FD(fd);
}

static void try_connect(struct vsock_device *d, struct vsock_conn *c);

static void on_retry(struct loop *l, void *arg)
{
	struct vsock_conn *c = arg;
	struct vsock_device *d = c->device;

	c->timer = NULL;
	try_connect(d, c);
	vsock_device_work(d);
}

/* A listener with a full backlog is busy, not away: it gets the time that Firecracker, which blocks there, would give it. */
static void try_connect(struct vsock_device *d, struct vsock_conn *c)
{
	int64_t now = time_now_ms();

	c->fd = connect_port(d, c->local_port);
	if (c->fd < 0 && errno == EAGAIN && now < c->deadline_ms) {
		c->timer = loop_add_timer(d->loop, now + BACKLOG_RETRY_MS, on_retry, c);
		return;
	}
	c->deadline_ms = 0;
	if (c->fd < 0) {
		vsock_conn_kill(c);
	} else {
		c->state = VSOCK_PEER_INIT;
		c->say = VSOCK_SAY_RESPONSE;
	}
	vsock_device_settle(d, c);
}

void vsock_host_connect(struct vsock_device *d, const struct virtio_vsock_hdr *h)
{
	struct vsock_conn *c;

	if (d->n_conns >= VSOCK_CONNECTIONS_MAX) {
		vsock_device_refuse(d, h->dst_port, h->src_port);
		return;
	}
	c = vsock_device_add(d, -1, h->dst_port, h->src_port, VSOCK_CONNECTING);
	c->peer_buf_alloc = h->buf_alloc;
	c->peer_fwd_cnt = h->fwd_cnt;
	c->deadline_ms = time_now_ms() + VSOCK_WAIT_MS;
	try_connect(d, c);
}
