/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One connection of a server: reading, writing, and when it ends. While a call is unanswered nothing is read, so a client cannot pile up
 * requests here; the kernel tells a hang-up all the same. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "proto/proto_internal.h"

/* With that much unsent no further request is begun, and progress is dropped. */
enum { SLOW_BYTES = 64 << 10 };

static void on_timer(struct loop *l, void *arg);

static void out_free(struct varlink_out *o)
{
	list_remove(&o->link);
	varlink_fds_close(&o->fds);
	str_done(&o->text);
	free(o);
}

bool varlink_conn_is_slow(const struct varlink_conn *c)
{
	return c->out_bytes >= SLOW_BYTES;
}

void varlink_conn_queue(struct varlink_conn *c, struct str *text, struct varlink_fds *fds)
{
	struct varlink_out *o = NEW(struct varlink_out);

	o->text = *text;
	o->fds = *fds;
	*text = (struct str)STR_INIT;
	fds->n = 0;
	c->out_bytes += o->text.len;
	list_add_tail(&c->out, &o->link);
}

/* Writes what the socket takes. */
static void flush(struct varlink_conn *c)
{
	while (!list_empty(&c->out) && !c->dead) {
		struct varlink_out *o = list_entry(c->out.next, struct varlink_out, link);
		ssize_t n = (ssize_t)(o->text.len - o->sent);
		if (c->fd >= 0)
			n = fd_send_msg(c->fd, o->text.data + o->sent, o->text.len - o->sent, o->fds.fd, o->fds.n);
		else
			str_add_bytes(c->feed_out, o->text.data, o->text.len);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			c->dead = true;
			return;
		}
		varlink_fds_close(&o->fds);
		o->sent += (size_t)n;
		c->out_bytes -= (size_t)n;
		if (o->sent == o->text.len)
			out_free(o);
	}
}

void varlink_conn_refuse(struct varlink_conn *c, const char *why)
{
	log_debug("peer refused", "why", why);
	c->closing = true;
	if (c->srv->conf.on_refused)
		c->srv->conf.on_refused(&c->peer, why, c->srv->conf.context);
}

static void refuse_length(struct varlink_conn *c)
{
	struct str text = STR_INIT;
	struct varlink_fds none = { .n = 0 };
	struct err e = { 0 };

	err_set(&e, ERR_INVALID, "the message is larger than %zu bytes", c->srv->conf.max_message);
	varlink_error_write(&e, &text);
	varlink_conn_queue(c, &text, &none);
	varlink_conn_refuse(c, "message too large");
}

static bool can_begin(const struct varlink_conn *c)
{
	return !c->dead && !c->call && !c->closing && !c->leaving && !varlink_conn_is_slow(c);
}

static void disarm(struct varlink_conn *c)
{
	if (c->timer)
		loop_remove(c->srv->loop, c->timer);
	c->timer = NULL;
}

static void work(struct varlink_conn *c)
{
	while (can_begin(c)) {
		struct varlink_fds fds;
		const char *text;
		size_t n;
		int r = varlink_input_next(&c->in, c->srv->conf.max_message, &text, &n, &fds);
		if (r == 0)
			break;
		if (r < 0) {
			refuse_length(c);
			break;
		}
		disarm(c);
		varlink_call_dispatch(c, text, n, &fds);
		flush(c);
	}
	if (c->eof && can_begin(c)) {
		if (varlink_input_left(&c->in))
			varlink_conn_refuse(c, "half a message");
		c->closing = true;
	}
}

void varlink_conn_watch(struct varlink_conn *c)
{
	uint32_t events = 0;
	struct err e = { 0 };

	if (!c->source)
		return;
	if (can_begin(c) && !c->eof)
		events |= EPOLLIN;
	if (c->call && !c->half && !c->eof)
		events |= EPOLLRDHUP;
	if (!list_empty(&c->out))
		events |= EPOLLOUT;
	if (events != c->events && loop_set_events(c->srv->loop, c->source, events, &e) < 0)
		c->dead = true;
	c->events = events;
	int limit_ms = c->call ? 0 : c->srv->conf.idle_ms;
	if (c->closing || c->leaving || (!c->call && varlink_input_left(&c->in)))
		limit_ms = c->srv->conf.message_ms;
	/* A timer that runs stays, lest a byte now and then put it off for ever; the end of a message stops it. */
	if (!limit_ms)
		disarm(c);
	else if (!c->timer || limit_ms < c->limit_ms) {
		disarm(c);
		c->limit_ms = limit_ms;
		c->timer = loop_add_timer(c->srv->loop, time_now_ms() + limit_ms, on_timer, c);
	}
}

/* Takes c out of the server; what it holds stays. */
static void detach(struct varlink_conn *c)
{
	disarm(c);
	if (c->source)
		loop_remove(c->srv->loop, c->source);
	c->source = NULL;
	list_remove(&c->link);
	c->srv->n_conns--;
	if (c->srv->conf.on_disconnect)
		c->srv->conf.on_disconnect(c, c->context);
}

static void conn_free(struct varlink_conn *c)
{
	list_for_each(it, &c->out)
		out_free(list_entry(it, struct varlink_out, link));
	varlink_input_done(&c->in);
	auto_fd_close(&c->fd);
	free(c);
}

static void leave(struct varlink_conn *c)
{
	AUTO_DONE(str_done) struct str leftover = STR_INIT;
	void (*fn)(int, struct str *, void *) = c->steal_fn;
	void *arg = c->steal_arg;
	int fd;

	if (varlink_input_left(&c->in))
		str_add_bytes(&leftover, c->in.buf.data + c->in.at, varlink_input_left(&c->in));
	detach(c);
	fd = TAKE_FD(c->fd);
	conn_free(c);
	fn(fd, &leftover, arg);
}

void varlink_conn_destroy(struct varlink_conn *c)
{
	AUTO_DONE(str_done) struct str nothing = STR_INIT;
	struct varlink_call *call = c->call;
	void (*fn)(int, struct str *, void *) = c->steal_fn;
	void *arg = c->steal_arg;

	assert(!c->busy);
	c->busy = true;
	c->dead = true;
	if (call) {
		call->conn = NULL;
		if (call->gone_fn)
			call->gone_fn(call->gone_arg);
	}
	detach(c);
	conn_free(c);
	if (fn)
		fn(-1, &nothing, arg);
}

void varlink_conn_run(struct varlink_conn *c)
{
	if (c->busy)
		return;
	c->busy = true;
	flush(c);
	work(c);
	flush(c);
	/* What was unsent may have held the next request back. */
	if (list_empty(&c->out))
		work(c);
	varlink_conn_watch(c);
	c->busy = false;
	bool sent = list_empty(&c->out);
	if (c->dead || (c->closing && sent && !c->leaving))
		varlink_conn_destroy(c);
	else if (c->leaving && sent)
		leave(c);
}

static void on_timer(struct loop *l, void *arg)
{
	struct varlink_conn *c = arg;

	c->timer = NULL;
	if (!c->closing && !c->leaving && varlink_input_left(&c->in))
		varlink_conn_refuse(c, "message takes too long");
	c->dead = true;
	varlink_conn_run(c);
}

static void receive(struct varlink_conn *c)
{
	ssize_t n = varlink_input_read(&c->in, c->fd);

	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	if (n == 0)
		c->eof = true;
	else
		c->dead = true;
	if (n < 0 && errno == EPROTO)
		varlink_conn_refuse(c, "too many descriptors");
}

void varlink_conn_on_event(struct loop *l, int fd, uint32_t revents, void *arg)
{
	struct varlink_conn *c = arg;
	bool up = !(revents & (EPOLLHUP | EPOLLERR));

	if (can_begin(c) && !c->eof) {
		/* After a hang-up too, what was sent before it is read and done. */
		if (revents & (EPOLLIN | EPOLLRDHUP) || !up)
			receive(c);
	} else if (!up) {
		c->dead = true;
	} else if (revents & EPOLLRDHUP) {
		c->half = true;
		c->dead = c->eof_is_gone;
	}
	varlink_conn_run(c);
}

void varlink_conn_close(struct varlink_conn *c)
{
	c->dead = true;
	varlink_conn_run(c);
}
