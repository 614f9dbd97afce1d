/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One request: from its text to a handler, and the replies back. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "proto/org_varlink_service.h"
#include "proto/proto_internal.h"

void *varlink_call_context(const struct varlink_call *call)
{
	return call->conn ? call->conn->context : NULL;
}

void *varlink_call_server_context(const struct varlink_call *call)
{
	return call->srv->conf.context;
}

const struct varlink_method *varlink_call_method(const struct varlink_call *call)
{
	return call->row->method;
}

bool varlink_call_more(const struct varlink_call *call)
{
	return call->more;
}

bool varlink_call_upgrade(const struct varlink_call *call)
{
	return call->upgrade;
}

bool varlink_call_gone(const struct varlink_call *call)
{
	return !call->conn;
}

struct ucred varlink_call_peer(const struct varlink_call *call)
{
	return call->peer;
}

int varlink_call_take_fd(struct varlink_call *call, int64_t index)
{
	return varlink_fds_take(&call->fds, index);
}

size_t varlink_call_n_fds(const struct varlink_call *call)
{
	return call->fds.n;
}

int64_t varlink_call_attach_fd(struct varlink_call *call, int fd)
{
	assert(call->out_fds.n < FD_PASS_MAX);
	call->out_fds.fd[call->out_fds.n] = fd;
	return (int64_t)call->out_fds.n++;
}

void varlink_call_on_gone(struct varlink_call *call, void (*fn)(void *arg), void *arg)
{
	call->gone_fn = fn;
	call->gone_arg = arg;
}

void varlink_call_steal_fd(struct varlink_call *call, void (*fn)(int fd, struct str *leftover, void *arg), void *arg)
{
	call->steal_fn = fn;
	call->steal_arg = arg;
}

/* Sends text, which is taken, with the descriptors attached so far. */
static void send_text(struct varlink_call *call, struct str *text)
{
	if (call->conn && !call->oneway)
		varlink_conn_queue(call->conn, text, &call->out_fds);
	varlink_fds_close(&call->out_fds);
	str_done(text);
}

/* The last reply has been queued. */
static void end(struct varlink_call *call)
{
	struct varlink_conn *c = call->conn;

	varlink_fds_close(&call->fds);
	free(call);
	if (!c)
		return;
	c->call = NULL;
	varlink_conn_run(c);
}

static void write_reply(struct varlink_call *call, const void *out, bool continues, struct str *text)
{
	str_add(text, "{\"parameters\":");
	json_encode(call->row->method->out, out, text);
	str_add(text, continues ? ",\"continues\":true}" : "}");
	str_add_char(text, 0);
}

void varlink_reply(struct varlink_call *call, const void *out)
{
	struct str text = STR_INIT;

	if (call->conn) {
		write_reply(call, out, false, &text);
		call->conn->steal_fn = call->steal_fn;
		call->conn->steal_arg = call->steal_arg;
		call->conn->leaving = call->steal_fn != NULL;
	} else if (call->steal_fn) {
		call->steal_fn(-1, &text, call->steal_arg);
	}
	send_text(call, &text);
	end(call);
}

void varlink_reply_continue(struct varlink_call *call, const void *out)
{
	struct str text = STR_INIT;

	if (call->conn && call->more && !call->oneway && !varlink_conn_is_slow(call->conn))
		write_reply(call, out, true, &text);
	if (!text.len) {
		varlink_fds_close(&call->out_fds);
		return;
	}
	send_text(call, &text);
	varlink_conn_run(call->conn);
}

void varlink_reply_error(struct varlink_call *call, const struct err *error)
{
	struct str text = STR_INIT;

	varlink_error_write(error, &text);
	send_text(call, &text);
	end(call);
}

void varlink_call_service_error(struct varlink_call *call, const char *name, const char *parameter, const char *value,
	const char *message)
{
	struct str text = STR_INIT;
	struct json_writer w = { .out = &text };
	AUTO_MEM char *full = mem_printf("%s.%s", org_varlink_service_interface.name, name);

	json_open(&w, NULL, '{');
	json_put_string(&w, "error", full);
	json_open(&w, "parameters", '{');
	json_put_string(&w, parameter, value);
	if (message)
		json_put_string(&w, "message", message);
	json_close(&w);
	json_close(&w);
	str_add_char(&text, 0);
	send_text(call, &text);
	end(call);
}

/* The row of a method; *ret_iface is its interface, if that is known. */
static const struct varlink_row *find_row(const struct varlink_server *srv, const char *name, const struct varlink_interface **ret_iface)
{
	const char *dot = strrchr(name, '.');
	size_t n = dot ? (size_t)(dot - name) : 0;

	for (size_t i = 0; i <= srv->n_ifaces; i++) {
		const struct varlink_interface *f = i < srv->n_ifaces ? srv->ifaces[i] : &org_varlink_service_interface;
		if (strlen(f->name) != n || memcmp(f->name, name, n))
			continue;
		*ret_iface = f;
		for (size_t k = 0; k < f->n_rows; k++)
			if (strcmp(f->rows[k].method->name, name) == 0)
				return &f->rows[k];
	}
	return NULL;
}

/* The name in quotes that the error begins with, or all. */
static char *faulty_parameter(const struct err *e)
{
	const char *end = e->msg[0] == '\'' ? strchr(e->msg + 1, '\'') : NULL;

	return end ? mem_strndup(e->msg + 1, (size_t)(end - e->msg - 1)) : mem_strdup("parameters");
}

static MUST int decode_parameters(const struct varlink_call *call, const struct json *request, void *in, struct err *e)
{
	const struct json *parameters = json_get(request, "parameters");
	const struct json_type *type = call->row->method->in;

	if (!parameters || json_is_null(parameters))
		return json_decode(type, "{}", 2, call->srv->conf.json_flags, in, e);
	return json_decode_tree(type, parameters, call->srv->conf.json_flags, in, e);
}

/* Runs the handler, which may have ended call when this is back. */
static void run(struct varlink_call *call, const struct json *request)
{
	const struct varlink_row *row = call->row;
	const struct varlink_method *m = row->method;
	AUTO_MEM void *in = mem_new(m->in->size);
	AUTO_MEM void *out = mem_new(m->out->size);
	struct err e = { 0 };
	int64_t started;
	int r;

	if (decode_parameters(call, request, in, &e) < 0) {
		AUTO_MEM char *parameter = faulty_parameter(&e);
		err_wrap(&e, "call %s", varlink_method_short(m));
		varlink_call_service_error(call, "InvalidParameter", "parameter", parameter, e.msg);
		return;
	}
	started = time_now_ms();
	r = row->run(call, in, out, &e);
	if (r != VARLINK_LATER && call->srv->conf.on_call)
		call->srv->conf.on_call(call, time_now_ms() - started, r < 0 ? &e : NULL);
	if (r == 0)
		varlink_reply(call, out);
	else if (r < 0)
		varlink_reply_error(call, &e);
	json_done(m->in, in);
	json_done(m->out, out);
}

static bool flag(const struct json *request, const char *name)
{
	return json_bool(json_get(request, name), false);
}

void varlink_call_dispatch(struct varlink_conn *c, const char *text, size_t n, struct varlink_fds *fds)
{
	AUTO(json_free) struct json *request = NULL;
	const struct varlink_interface *iface = NULL;
	struct varlink_call *call;
	const char *name;
	struct err e = { 0 };

	if (json_parse(text, n, &request, &e) < 0) {
		varlink_fds_close(fds);
		varlink_conn_refuse(c, e.msg);
		return;
	}
	call = c->call = NEW(struct varlink_call);
	call->conn = c;
	call->srv = c->srv;
	call->peer = c->peer;
	call->fds = *fds;
	call->more = flag(request, "more");
	call->oneway = flag(request, "oneway");
	call->upgrade = flag(request, "upgrade");
	name = json_string(json_get(request, "method"));
	if (!name) {
		varlink_conn_refuse(c, "not a call");
		varlink_call_service_error(call, "InvalidParameter", "parameter", "method", "this is not a varlink call");
		return;
	}
	call->row = find_row(c->srv, name, &iface);
	if (!call->row && iface)
		varlink_call_service_error(call, "MethodNotFound", "method", name, NULL);
	else if (!call->row)
		varlink_call_service_error(call, "InterfaceNotFound", "interface", name, NULL);
	else if (call->upgrade != !!(call->row->method->flags & VARLINK_UPGRADE))
		varlink_call_service_error(call, "InvalidParameter", "parameter", "upgrade",
			call->upgrade ? "this method cannot be called with 'upgrade'" : "this method must be called with 'upgrade'");
	else
		run(call, request);
}
