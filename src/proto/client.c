/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto/client.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "proto/proto_internal.h"

struct varlink_client {
	int fd; /* -1 once stolen */
	bool broken;
	int64_t deadline_ms;
	size_t max;
	struct varlink_input in;
	struct varlink_fds out; /* borrowed, for the next call */
	struct varlink_fds got; /* of the latest reply */
};

struct how {
	bool more, oneway, upgrade;
	bool begin, end; /* only that half of a call */
	void (*on_reply)(const void *out, void *arg);
	void *arg;
};

int varlink_client_from_fd(int fd, struct varlink_client **ret, struct err *e)
{
	struct varlink_client *c;

	if (fd_set_nonblock(fd, true, e) < 0) {
		close(fd);
		return -1;
	}
	c = NEW(struct varlink_client);
	c->fd = fd;
	c->deadline_ms = FD_FOREVER;
	c->max = VARLINK_MAX_REPLY;
	*ret = c;
	return 0;
}

int varlink_client_connect(const char *unix_path, struct varlink_client **ret, struct err *e)
{
	int fd;

	if (fd_connect_unix(unix_path, &fd, e) < 0)
		return -1;
	return varlink_client_from_fd(fd, ret, e);
}

int varlink_client_connect_now(const char *unix_path, struct varlink_client **ret, struct err *e)
{
	int fd;

	if (fd_connect_unix_now(unix_path, &fd, e) < 0)
		return -1;
	return varlink_client_from_fd(fd, ret, e);
}

void varlink_client_free(struct varlink_client *c)
{
	if (!c)
		return;
	varlink_input_done(&c->in);
	varlink_fds_close(&c->got);
	auto_fd_close(&c->fd);
	free(c);
}

int varlink_client_fd(const struct varlink_client *c)
{
	return c->fd;
}

void varlink_client_set_deadline(struct varlink_client *c, int64_t deadline_ms)
{
	c->deadline_ms = deadline_ms;
}

void varlink_client_set_max(struct varlink_client *c, size_t bytes)
{
	c->max = bytes;
}

void varlink_client_read_exactly(struct varlink_client *c)
{
	c->in.exact = true;
}

int64_t varlink_client_attach_fd(struct varlink_client *c, int fd)
{
	assert(c->out.n < FD_PASS_MAX);
	c->out.fd[c->out.n] = fd;
	return (int64_t)c->out.n++;
}

int varlink_client_take_fd(struct varlink_client *c, int64_t index)
{
	return varlink_fds_take(&c->got, index);
}

void varlink_client_steal_fd(struct varlink_client *c, int *ret_fd, struct str *leftover)
{
	struct err ignored = { 0 };

	if (varlink_input_left(&c->in))
		str_add_bytes(leftover, c->in.buf.data + c->in.at, varlink_input_left(&c->in));
	c->in.at = c->in.buf.len;
	/* A socket that could be made non-blocking can be made blocking. */
	if (fd_set_nonblock(c->fd, false, &ignored) < 0)
		err_clear(&ignored);
	c->broken = true;
	*ret_fd = TAKE_FD(c->fd);
}

static void write_request(const struct varlink_method *m, const void *in, const struct how *how, struct str *out)
{
	struct json_writer w = { .out = out };
	AUTO_DONE(str_done) struct str parameters = STR_INIT;

	if (in)
		json_encode(m->in, in, &parameters);
	json_open(&w, NULL, '{');
	json_put_string(&w, "method", m->name);
	json_put_raw(&w, "parameters", in ? parameters.data : "{}");
	if (how->more)
		json_put_bool(&w, "more", true);
	if (how->oneway)
		json_put_bool(&w, "oneway", true);
	if (how->upgrade)
		json_put_bool(&w, "upgrade", true);
	json_close(&w);
	str_add_char(out, 0);
}

/* A peer that has hung up may have said why before: *ret_hung_up is true then, and the reply may be there to read. */
static MUST int send_request(struct varlink_client *c, const struct str *text, bool *ret_hung_up, struct err *e)
{
	size_t sent = 0;

	while (sent < text->len) {
		ssize_t n = fd_send_msg(c->fd, text->data + sent, text->len - sent, c->out.fd, sent ? 0 : c->out.n);
		if (n >= 0) {
			sent += (size_t)n;
			continue;
		}
		*ret_hung_up = errno == EPIPE || errno == ECONNRESET;
		if (*ret_hung_up)
			return 0;
		if (errno != EAGAIN && errno != EINTR)
			return err_sys(e, errno, "send");
		if (fd_wait(c->fd, POLLOUT, c->deadline_ms, e) < 0)
			return -1;
	}
	return 0;
}

/* Waits for one message and parses it. */
static MUST int receive(struct varlink_client *c, struct json **ret, struct err *e)
{
	for (;;) {
		const char *text;
		size_t n;
		int r = varlink_input_next(&c->in, c->max, &text, &n, &c->got);
		if (r < 0)
			return err_set(e, ERR_CORRUPT, "the answer is larger than %zu bytes", c->max);
		if (r > 0) {
			if (json_parse(text, n, ret, e) == 0)
				return 0;
			e->code = ERR_CORRUPT;
			return -1;
		}
		ssize_t got = varlink_input_read(&c->in, c->fd);
		if (got == 0 || (got < 0 && errno == ECONNRESET))
			return err_set(e, ERR_UNAVAILABLE, "the other end hung up before it answered");
		/* A peer that never stops talking must not outrun the deadline. */
		if (got > 0 && (proc_cancelled() || time_now_ms() > c->deadline_ms))
			return proc_cancelled() ? err_set(e, ERR_CANCELLED, "cancelled") : err_set(e, ERR_TIMEOUT, "timed out");
		if (got > 0 || errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return err_sys(e, errno, "receive");
		if (fd_wait(c->fd, POLLIN, c->deadline_ms, e) < 0)
			return -1;
	}
}

/* One reply; *ret_last says whether it was the last. */
static MUST int take_reply(struct varlink_client *c, const struct varlink_method *m, const struct json *reply, const struct how *how,
	void *ret, bool *ret_last, struct err *e)
{
	const struct json *parameters = json_get(reply, "parameters");
	bool last = !json_bool(json_get(reply, "continues"), false);
	AUTO_MEM void *out = NULL;

	if (!json_is_object(reply) || (!last && !how->more))
		return err_set(e, ERR_CORRUPT, "this is not an answer");
	*ret_last = last;
	if (last && !ret)
		return 0;
	if (!last && !how->on_reply)
		return 0;
	AUTO(json_free) struct json *empty = NULL;
	if (!parameters || json_is_null(parameters)) {
		if (json_parse("{}", 2, &empty, e) < 0)
			return -1;
		parameters = empty;
	}
	out = mem_new(m->out->size);
	if (json_decode_tree(m->out, parameters, 0, out, e) < 0) {
		e->code = ERR_CORRUPT;
		return err_wrap(e, "the answer");
	}
	if (last) {
		memcpy(ret, out, m->out->size);
	} else {
		how->on_reply(out, how->arg);
		json_done(m->out, out);
	}
	return 0;
}

static MUST int exchange(struct varlink_client *c, const struct varlink_method *m, const struct str *text, const struct how *how,
	void *ret, bool *ret_refused, struct err *e)
{
	bool last = false, hung_up = false;

	if (!how->end && send_request(c, text, &hung_up, e) < 0)
		return -1;
	if (hung_up && how->oneway)
		return err_set(e, ERR_UNAVAILABLE, "the other end hung up");
	while (!how->oneway && !how->begin && !last) {
		AUTO(json_free) struct json *reply = NULL;
		varlink_fds_close(&c->got);
		if (receive(c, &reply, e) < 0)
			return -1;
		const char *error = json_string(json_get(reply, "error"));
		if (error) {
			*ret_refused = true;
			return varlink_error_read(error, json_get(reply, "parameters"), e);
		}
		if (take_reply(c, m, reply, how, ret, &last, e) < 0)
			return -1;
	}
	return 0;
}

static MUST int call(struct varlink_client *c, const struct varlink_method *m, const void *in, const struct how *how, void *ret,
	struct err *e)
{
	AUTO_DONE(str_done) struct str text = STR_INIT;
	bool refused = false;
	int r;

	varlink_fds_close(&c->got);
	if (c->broken) {
		c->out.n = 0;
		return err_set(e, ERR_UNAVAILABLE, "call %s: the connection has ended", varlink_method_short(m));
	}
	write_request(m, in, how, &text);
	r = exchange(c, m, &text, how, ret, &refused, e);
	c->out.n = 0;
	if (r == 0 || refused)
		return r;
	/* Which answer comes next is not known any more. The other end sees a hang-up and stops what it does for us. */
	c->broken = true;
	shutdown(c->fd, SHUT_RDWR);
	return err_wrap(e, "call %s", varlink_method_short(m));
}

int varlink_client_call(struct varlink_client *c, const struct varlink_method *m, const void *in, void *ret, struct err *e)
{
	return call(c, m, in, &(struct how){ 0 }, ret, e);
}

int varlink_client_call_more(struct varlink_client *c, const struct varlink_method *m, const void *in,
	void (*on_reply)(const void *out, void *arg), void *arg, void *ret, struct err *e)
{
	return call(c, m, in, &(struct how){ .more = true, .on_reply = on_reply, .arg = arg }, ret, e);
}

int varlink_client_begin(struct varlink_client *c, const struct varlink_method *m, const void *in, struct err *e)
{
	return call(c, m, in, &(struct how){ .begin = true }, NULL, e);
}

int varlink_client_end(struct varlink_client *c, const struct varlink_method *m, void *ret, struct err *e)
{
	return call(c, m, NULL, &(struct how){ .end = true }, ret, e);
}

int varlink_client_call_oneway(struct varlink_client *c, const struct varlink_method *m, const void *in, struct err *e)
{
	return call(c, m, in, &(struct how){ .oneway = true }, NULL, e);
}

int varlink_client_call_upgrade(struct varlink_client *c, const struct varlink_method *m, const void *in, void *ret, struct err *e)
{
	return call(c, m, in, &(struct how){ .upgrade = true }, ret, e);
}
