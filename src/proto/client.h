/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The calling end: blocking calls with a deadline, which also end with ERR_CANCELLED when proc_cancelled() becomes true.
 * Use the generated call_NAME stubs ("proto/io_banger.h"); the generic functions below are what they expand to.
 *
 * Errors of a call: what the other end replied (code, message, hint, op); ERR_UNAVAILABLE when it hung up; ERR_TIMEOUT; ERR_CORRUPT
 * when what came back is not an answer. After the last three, or ERR_CANCELLED, the connection is of no more use and says so. */

#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/str.h"
#include "proto/varlink.h"

struct varlink_client;

/* Connects to a unix socket. ERR_NOT_FOUND or ERR_UNAVAILABLE when nobody listens there. */
MUST int varlink_client_connect(const char *unix_path, struct varlink_client **ret, struct err *e);
/* The same without waiting for a peer whose queue is full, which is ERR_BUSY. */
MUST int varlink_client_connect_now(const char *unix_path, struct varlink_client **ret, struct err *e);
/* Takes over a connected stream socket (unix, vsock); it is closed on failure too. */
MUST int varlink_client_from_fd(int fd, struct varlink_client **ret, struct err *e);
void varlink_client_free(struct varlink_client *c);
AUTO_DEFINE(struct varlink_client, varlink_client_free);

/* The socket; stays the client's. */
int varlink_client_fd(const struct varlink_client *c);
/* Deadline of every call from now on, a time_now_ms() value; FD_FOREVER (at first) for none. */
void varlink_client_set_deadline(struct varlink_client *c, int64_t deadline_ms);
/* The largest answer taken, VARLINK_MAX_REPLY at first. Lower it towards peers that are not trusted (guests). */
void varlink_client_set_max(struct varlink_client *c, size_t bytes);
/* From now on nothing is read that lies behind a reply: after an upgrade the socket can be handed on as it is. Slow; for short replies. */
void varlink_client_read_exactly(struct varlink_client *c);

/* Adds a descriptor to the next call and returns its index, to be put into the parameters. It stays the caller's and must be open
 * until that call returns. At most FD_PASS_MAX for a call. */
int64_t varlink_client_attach_fd(struct varlink_client *c, int fd);
/* A descriptor that came with the latest reply; it is the caller's now. -1 when there is none of that index. Those not taken are
 * closed when the next reply comes, or by the next call. */
int varlink_client_take_fd(struct varlink_client *c, int64_t index);

/* After an upgraded call: the socket, blocking again, and bytes that came behind the reply (appended to *leftover) are the caller's.
 * The client can only be freed then. */
void varlink_client_steal_fd(struct varlink_client *c, int *ret_fd, struct str *leftover);

/* in: a struct of m->in, or NULL when it has no mandatory members; ret: of m->out, or NULL when nobody wants it. */
MUST int varlink_client_call(struct varlink_client *c, const struct varlink_method *m, const void *in, void *ret, struct err *e);
/* With `more`: on_reply (may be NULL) sees every reply but the last, which goes to ret. */
MUST int varlink_client_call_more(struct varlink_client *c, const struct varlink_method *m, const void *in,
	void (*on_reply)(const void *out, void *arg), void *arg, void *ret, struct err *e);
/* A call in two steps, for who cannot wait: what is sent needs no room but the socket's, and once it is readable the reply is there or on its way. */
MUST int varlink_client_begin(struct varlink_client *c, const struct varlink_method *m, const void *in, struct err *e);
MUST int varlink_client_end(struct varlink_client *c, const struct varlink_method *m, void *ret, struct err *e);
/* No reply comes: success means that it was sent. */
MUST int varlink_client_call_oneway(struct varlink_client *c, const struct varlink_method *m, const void *in, struct err *e);
/* With `upgrade`; varlink_client_steal_fd comes next. */
MUST int varlink_client_call_upgrade(struct varlink_client *c, const struct varlink_method *m, const void *in, void *ret,
	struct err *e);
