/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The serving end, on base/loop. A connection's requests are answered in order, one at a time. Handlers are the on_NAME functions of the
 * interfaces ("proto/io_banger.h"):
 *   int on_vm_list(struct varlink_call *call, const struct vm_list_in *in, struct vm_list_out *ret, struct err *e)
 * 0: ret is the reply (and freed by the server); -1: e is the reply; VARLINK_LATER: the handler keeps call and answers once, now or
 * later, with reply_NAME(call, &out) or varlink_reply_error(call, &e). in lives as long as the handler runs. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/str.h"
#include "proto/varlink.h"

#define VARLINK_LATER 1

struct loop;
struct varlink_server;
struct varlink_conn;
struct varlink_call;

struct varlink_server_conf {
	size_t max_message;     /* bytes; 0: VARLINK_MAX_MESSAGE */
	size_t max_connections; /* 0: 64 */
	int message_ms;         /* a message begun must be complete after that time; 0: 10 s */
	int idle_ms;            /* a connection without a call is closed after that time; 0: never */
	const char *vendor, *product, *version, *url; /* for GetInfo; NULL: ours. Borrowed. */
	unsigned json_flags;    /* JSON_STRICT: unknown parameters are refused */
	void *context;          /* varlink_call_server_context's */
	/* May be NULL. A connection has ended, or left by varlink_call_steal_fd. Its context is the owner's to free. conn is NULL when
	 * an accepted one could not be added. */
	void (*on_disconnect)(struct varlink_conn *conn, void *conn_context);
	/* May be NULL. A peer broke the protocol and its connection is being closed: one line for the log. */
	void (*on_refused)(const struct ucred *peer, const char *why, void *context);
	/* May be NULL. A handler that answers at once has done so, in ms milliseconds; error is NULL when it succeeded. The reply goes out after this. */
	void (*on_call)(const struct varlink_call *call, int64_t ms, const struct err *error);
};

/* Says whether the peer may connect: 0, or -1 to hang up. *ret_conn_context (NULL at first) is then varlink_call_context's. */
typedef int (*varlink_accept_fn)(struct varlink_server *srv, int fd, const struct ucred *peer, void **ret_conn_context);

/* Serves ifaces (borrowed, as is what conf points to) and org.varlink.service. */
MUST int varlink_server_new(struct loop *loop, const struct varlink_interface *const *ifaces, size_t n_ifaces,
	const struct varlink_server_conf *conf, struct varlink_server **ret, struct err *e);
/* Closes listeners and connections. Calls not answered yet are the handlers' to end, as if their clients had gone. */
void varlink_server_free(struct varlink_server *srv);
AUTO_DEFINE(struct varlink_server, varlink_server_free);
/* Takes a listening socket over (closed on failure too) and accepts on it. accept_check may be NULL: everyone. */
MUST int varlink_server_listen(struct varlink_server *srv, int listen_fd, varlink_accept_fn accept_check, struct err *e);
/* Takes a connected stream socket over (closed on failure too). ret may be NULL. ERR_BUSY beyond max_connections. */
MUST int varlink_server_add(struct varlink_server *srv, int fd, void *conn_context, struct varlink_conn **ret, struct err *e);
size_t varlink_server_connections(const struct varlink_server *srv);
/* The server's context. */
void *varlink_server_context(const struct varlink_server *srv);
/* Hangs up; on_disconnect is called. Fine inside a handler of that connection. */
void varlink_conn_close(struct varlink_conn *conn);

/* The connection's context, NULL once the client has gone. */
void *varlink_call_context(const struct varlink_call *call);
void *varlink_call_server_context(const struct varlink_call *call);
const struct varlink_method *varlink_call_method(const struct varlink_call *call);
/* The client asked for progress; for upgrade. */
bool varlink_call_more(const struct varlink_call *call);
bool varlink_call_upgrade(const struct varlink_call *call);
/* Who connected; pid 0 and uid -1 where the socket does not say (vsock). */
struct ucred varlink_call_peer(const struct varlink_call *call);
/* A descriptor that came with the request, the caller's from now on; -1 when there is none of that index. The rest are closed when
 * the call ends. */
int varlink_call_take_fd(struct varlink_call *call, int64_t index);
/* How many came with the request, taken ones included. */
size_t varlink_call_n_fds(const struct varlink_call *call);
/* Sends fd along with the next reply and closes it then. Returns the index to put into that reply. */
int64_t varlink_call_attach_fd(struct varlink_call *call, int fd);
/* fn(arg) is called when the client hangs up before the last reply; the handler answers all the same, the answer is dropped.
 * One at a time; NULL takes it back. */
void varlink_call_on_gone(struct varlink_call *call, void (*fn)(void *arg), void *arg);
/* The client has hung up already. */
bool varlink_call_gone(const struct varlink_call *call);
/* For upgraded calls, before the reply: once that has been written, fn gets the socket (owned, non-blocking) and the bytes that came
 * behind the request, and the connection is no longer the server's. fd is -1 when the client has gone before. After an error reply fn is
 * not called. */
void varlink_call_steal_fd(struct varlink_call *call, void (*fn)(int fd, struct str *leftover, void *arg), void *arg);

/* The last reply; out is of the method's out type and stays the caller's. call is gone after it. */
void varlink_reply(struct varlink_call *call, const void *out);
/* A reply with more to come; dropped when the client did not ask for more, or reads too slowly. */
void varlink_reply_continue(struct varlink_call *call, const void *out);
/* The last reply: an error. call is gone after it. */
void varlink_reply_error(struct varlink_call *call, const struct err *error);

/* Feeds n bytes to a connection without a socket, as if a client had sent them and hung up; what the server writes is appended to
 * *written. For tests. */
void varlink_server_feed(struct varlink_server *srv, const void *data, size_t n, struct str *written);
