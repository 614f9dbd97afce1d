/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vsock/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

/* The guest hears of room once this much is new: few packets, and it never runs dry while the host reads. */
enum { CREDIT_STEP = VSOCK_BUF_BYTES / 4, SHUT_BOTH = VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND };

struct vsock_conn *vsock_conn_new(int fd, uint32_t local_port, uint32_t peer_port, enum vsock_state state)
{
	struct vsock_conn *c = NEW(struct vsock_conn);

	list_init(&c->all);
	list_init(&c->ready);
	c->fd = fd;
	c->local_port = local_port;
	c->peer_port = peer_port;
	c->state = state;
	return c;
}

void vsock_conn_free(struct vsock_conn *c)
{
	if (!c)
		return;
	list_remove(&c->all);
	list_remove(&c->ready);
	if (c->fd >= 0)
		close(c->fd);
	free(c->held);
	free(c);
}

void vsock_conn_kill(struct vsock_conn *c)
{
	c->state = VSOCK_DEAD;
	c->say = VSOCK_SAY_RST;
	c->deadline_ms = 0;
}

static void shutdown_wait(struct vsock_conn *c)
{
	if (!c->deadline_ms)
		c->deadline_ms = time_now_ms() + VSOCK_WAIT_MS;
}

/* After the guest shut both ways and all of its bytes are with the host. */
static void finish_if_closed(struct vsock_conn *c)
{
	if (!c->recv_off || !c->send_off || c->state != VSOCK_ESTABLISHED)
		return;
	if (c->held_len)
		shutdown_wait(c);
	else
		vsock_conn_kill(c);
}

static void skip(struct iovec **v, unsigned *n, size_t bytes)
{
	while (*n && bytes >= (*v)->iov_len) {
		bytes -= (*v)->iov_len;
		(*v)++;
		(*n)--;
	}
	if (*n) {
		(*v)->iov_base = (char *)(*v)->iov_base + bytes;
		(*v)->iov_len -= bytes;
	}
}

/* Keeps what the socket did not take. A guest that sends more than we said we hold breaks the protocol. */
static void hold(struct vsock_conn *c, const struct iovec *v, unsigned n)
{
	if (!c->held)
		c->held = mem_new(VSOCK_BUF_BYTES);
	for (; n; v++, n--) {
		if (v->iov_len > VSOCK_BUF_BYTES - c->held_len) {
			vsock_conn_kill(c);
			return;
		}
		if (v->iov_len > VSOCK_BUF_BYTES - c->held_len - c->held_at) {
			memmove(c->held, c->held + c->held_at, c->held_len);
			c->held_at = 0;
		}
		memcpy(c->held + c->held_at + c->held_len, v->iov_base, v->iov_len);
		c->held_len += v->iov_len;
	}
}

static void forwarded(struct vsock_conn *c, size_t bytes)
{
	c->fwd_cnt += (uint32_t)bytes;
	if (c->fwd_cnt - c->told_fwd_cnt >= CREDIT_STEP)
		c->say |= VSOCK_SAY_CREDIT_UPDATE;
}

static ssize_t send_iov(int fd, struct iovec *v, unsigned n)
{
	struct msghdr m = { .msg_iov = v, .msg_iovlen = n };

	return sendmsg(fd, &m, MSG_NOSIGNAL);
}

static void take_data(struct vsock_conn *c, uint32_t bytes, struct iovec *v, unsigned n)
{
	ssize_t put = 0;

	if (!bytes)
		return;
	if (!c->held_len) {
		put = send_iov(c->fd, v, n);
		if (put < 0 && errno != EAGAIN) {
			vsock_conn_kill(c);
			return;
		}
		put = put < 0 ? 0 : put;
		forwarded(c, (size_t)put);
	}
	if ((uint32_t)put < bytes) {
		skip(&v, &n, (size_t)put);
		hold(c, v, n);
	}
}

static void take_response(struct vsock_conn *c)
{
	char ok[24] = "OK ";
	size_t len = 3;
	char digits[12];
	size_t n = 0;

	for (uint32_t p = c->local_port; p || !n; p /= 10)
		digits[n++] = (char)('0' + p % 10);
	while (n)
		ok[len++] = digits[--n];
	ok[len++] = '\n';
	c->state = VSOCK_ESTABLISHED;
	c->deadline_ms = 0;
	if (send(c->fd, ok, len, MSG_NOSIGNAL) != (ssize_t)len)
		vsock_conn_kill(c);
}

void vsock_conn_packet(struct vsock_conn *c, const struct virtio_vsock_hdr *h, struct iovec *data, unsigned n)
{
	c->peer_buf_alloc = h->buf_alloc;
	c->peer_fwd_cnt = h->fwd_cnt;
	switch (h->op) {
	case VIRTIO_VSOCK_OP_RW:
		if (c->state == VSOCK_ESTABLISHED && !c->send_off)
			take_data(c, h->len, data, n);
		return;
	case VIRTIO_VSOCK_OP_RESPONSE:
		if (c->state == VSOCK_LOCAL_INIT)
			take_response(c);
		return;
	case VIRTIO_VSOCK_OP_SHUTDOWN:
		if (c->state != VSOCK_ESTABLISHED)
			return;
		c->recv_off |= !!(h->flags & VIRTIO_VSOCK_SHUTDOWN_RCV);
		c->send_off |= !!(h->flags & VIRTIO_VSOCK_SHUTDOWN_SEND);
		finish_if_closed(c);
		return;
	case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
		if (c->state == VSOCK_ESTABLISHED || c->state == VSOCK_PEER_INIT)
			c->say |= VSOCK_SAY_CREDIT_UPDATE;
		return;
	default: /* CREDIT_UPDATE has done its work; REQUEST on a live connection and the unknown are no-ops */
		return;
	}
}

void vsock_conn_flush(struct vsock_conn *c)
{
	while (c->held_len) {
		ssize_t put = send(c->fd, c->held + c->held_at, c->held_len, MSG_NOSIGNAL);
		if (put < 0 && errno == EAGAIN)
			return;
		if (put < 0) {
			vsock_conn_kill(c);
			return;
		}
		c->held_at += (size_t)put;
		c->held_len -= (size_t)put;
		forwarded(c, (size_t)put);
	}
	c->held_at = 0;
	free(c->held);
	c->held = NULL;
	finish_if_closed(c);
}

static uint32_t credit(const struct vsock_conn *c)
{
	uint32_t under_way = c->rx_cnt - c->peer_fwd_cnt;

	return under_way < c->peer_buf_alloc ? c->peer_buf_alloc - under_way : 0;
}

static bool wants_to_read(const struct vsock_conn *c)
{
	return c->state == VSOCK_ESTABLISHED && !c->recv_off && c->readable;
}

bool vsock_conn_has_news(struct vsock_conn *c)
{
	if (c->say)
		return true;
	if (!wants_to_read(c))
		return false;
	if (credit(c)) {
		c->credit_asked = false;
		return true;
	}
	if (c->credit_asked)
		return false;
	c->credit_asked = true;
	c->say |= VSOCK_SAY_CREDIT_REQUEST;
	return true;
}

uint32_t vsock_conn_may_send(const struct vsock_conn *c)
{
	/* A credit update rides on the data. */
	return (c->say & ~(unsigned)VSOCK_SAY_CREDIT_UPDATE) || !wants_to_read(c) ? 0 : credit(c);
}

static void header(struct vsock_conn *c, uint16_t op, uint32_t bytes, struct virtio_vsock_hdr *h)
{
	*h = (struct virtio_vsock_hdr){
		.src_port = c->local_port,
		.dst_port = c->peer_port,
		.len = bytes,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = op,
		.flags = op == VIRTIO_VSOCK_OP_SHUTDOWN ? SHUT_BOTH : 0,
		.buf_alloc = VSOCK_BUF_BYTES,
		.fwd_cnt = c->fwd_cnt,
	};
	c->told_fwd_cnt = c->fwd_cnt;
	c->say &= ~(unsigned)VSOCK_SAY_CREDIT_UPDATE;
}

size_t vsock_conn_read(struct vsock_conn *c, const struct iovec *room, unsigned n)
{
	ssize_t got = readv(c->fd, room, (int)n);

	if (got > 0)
		return (size_t)got;
	if (got < 0 && errno == EINTR)
		return 0;
	/* Only a failed read shows that nothing is left: a short one may have stopped at passed descriptors. */
	c->readable = false;
	if (got == 0) {
		c->state = VSOCK_LOCAL_CLOSED;
		c->say = VSOCK_SAY_SHUTDOWN;
		c->deadline_ms = 0;
		shutdown_wait(c);
	} else if (errno != EAGAIN) {
		vsock_conn_kill(c);
	}
	return 0;
}

void vsock_conn_data_header(struct vsock_conn *c, uint32_t bytes, struct virtio_vsock_hdr *h)
{
	header(c, VIRTIO_VSOCK_OP_RW, bytes, h);
	c->rx_cnt += bytes;
}

static bool said(struct vsock_conn *c, unsigned what, uint16_t op, struct virtio_vsock_hdr *h)
{
	if (!(c->say & what))
		return false;
	c->say &= ~what;
	header(c, op, 0, h);
	return true;
}

bool vsock_conn_say(struct vsock_conn *c, struct virtio_vsock_hdr *h)
{
	if (said(c, VSOCK_SAY_RST, VIRTIO_VSOCK_OP_RST, h) || said(c, VSOCK_SAY_CREDIT_REQUEST, VIRTIO_VSOCK_OP_CREDIT_REQUEST, h) ||
	    said(c, VSOCK_SAY_CREDIT_UPDATE, VIRTIO_VSOCK_OP_CREDIT_UPDATE, h) ||
	    said(c, VSOCK_SAY_SHUTDOWN, VIRTIO_VSOCK_OP_SHUTDOWN, h))
		return true;
	if (said(c, VSOCK_SAY_REQUEST, VIRTIO_VSOCK_OP_REQUEST, h)) {
		c->deadline_ms = time_now_ms() + VSOCK_WAIT_MS;
		return true;
	}
	if (said(c, VSOCK_SAY_RESPONSE, VIRTIO_VSOCK_OP_RESPONSE, h)) {
		c->state = VSOCK_ESTABLISHED;
		return true;
	}
	return false;
}
