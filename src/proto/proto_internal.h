/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What the files of proto/ share among themselves. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/str.h"
#include "proto/server.h"
#include "proto/varlink.h"

struct json;
struct loop_source;

/* Descriptors of one message; taken ones are -1. */
struct varlink_fds {
	int fd[FD_PASS_MAX];
	size_t n;
};
void varlink_fds_close(struct varlink_fds *f);
/* The descriptor at index, now the caller's; -1 if there is none. */
int varlink_fds_take(struct varlink_fds *f, int64_t index);

/* Bytes and descriptors from a peer, cut into messages. A descriptor belongs to the message that holds the last byte of the read that
 * brought it: the kernel never joins a piece of the stream with descriptors to what comes behind it. */
#define VARLINK_MAX_PENDING_FDS (2 * FD_PASS_MAX)
struct varlink_input {
	struct str buf;
	size_t at;      /* bytes at the front that are used up */
	size_t scanned; /* bytes behind at without a NUL */
	uint64_t total; /* bytes ever read */
	bool exact;     /* read byte by byte: none behind a message's end */
	struct {
		int fd;
		uint64_t pos; /* that last byte, counted from the beginning of the stream */
	} fds[VARLINK_MAX_PENDING_FDS];
	size_t n_fds;
};
void varlink_input_done(struct varlink_input *in);
/* Bytes not used up. */
size_t varlink_input_left(const struct varlink_input *in);
void varlink_input_add(struct varlink_input *in, const void *data, size_t n);
/* One recvmsg: bytes got, 0 at the end, -1 with errno; EPROTO when too many descriptors are waiting. */
ssize_t varlink_input_read(struct varlink_input *in, int sock);
/* 1: a message, without its NUL; text is good until the next read or add, the descriptors are the caller's. 0: none is complete.
 * -1: longer than max. */
int varlink_input_next(struct varlink_input *in, size_t max, const char **ret_text, size_t *ret_n, struct varlink_fds *ret_fds);

/* Appends an error reply, its NUL included. */
void varlink_error_write(const struct err *e, struct str *out);
/* Fills e from an error reply. Control characters do not get through. Always -1. */
int varlink_error_read(const char *name, const struct json *parameters, struct err *e);

/* A message on its way out. */
struct varlink_out {
	struct list link;
	struct str text;
	size_t sent;
	struct varlink_fds fds;
};

struct varlink_server {
	struct loop *loop; /* NULL: only fed */
	const struct varlink_interface *const *ifaces;
	size_t n_ifaces;
	struct varlink_server_conf conf;
	struct list listeners;
	struct list conns;
	size_t n_conns;
};

struct varlink_conn {
	struct list link;
	struct varlink_server *srv;
	int fd; /* -1: fed */
	void *context;
	struct ucred peer;
	struct varlink_input in;
	struct list out;
	size_t out_bytes;
	struct loop_source *source, *timer;
	int limit_ms; /* what the timer was set to */
	uint32_t events;
	struct varlink_call *call; /* not answered yet */
	struct str *feed_out;
	void (*steal_fn)(int fd, struct str *leftover, void *arg);
	void *steal_arg;
	bool busy;        /* being worked on: what ends it only marks it dead */
	bool dead;
	bool eof;         /* the peer sends no more */
	bool half;        /* the same, but there may be something to read yet */
	bool eof_is_gone; /* on this kind of socket that cannot be told from a hang-up */
	bool closing;     /* after what is written yet */
	bool leaving;     /* handed to steal_fn after what is written yet */
};

struct varlink_call {
	struct varlink_conn *conn; /* NULL once the client has gone */
	struct varlink_server *srv;
	const struct varlink_row *row;
	struct ucred peer;
	bool more, oneway, upgrade;
	struct varlink_fds fds, out_fds;
	void (*gone_fn)(void *arg);
	void *gone_arg;
	void (*steal_fn)(int fd, struct str *leftover, void *arg);
	void *steal_arg;
};

/* conn.c. Works on what has arrived, writes what can be written, and ends c if that is due. */
void varlink_conn_run(struct varlink_conn *c);
/* Sets what the loop waits for on c, and how long. */
void varlink_conn_watch(struct varlink_conn *c);
void varlink_conn_on_event(struct loop *l, int fd, uint32_t revents, void *arg);
/* Ends c at once. */
void varlink_conn_destroy(struct varlink_conn *c);

/* call.c. Answers one message; it may leave a call behind in c->call. */
void varlink_call_dispatch(struct varlink_conn *c, const char *text, size_t n, struct varlink_fds *fds);
/* call.c. The last reply: an error of org.varlink.service with its one parameter. message (or NULL) is for people. */
void varlink_call_service_error(struct varlink_call *call, const char *name, const char *parameter, const char *value,
	const char *message);
/* conn.c. Queues text (taken) with descriptors (taken). */
void varlink_conn_queue(struct varlink_conn *c, struct str *text, struct varlink_fds *fds);
bool varlink_conn_is_slow(const struct varlink_conn *c);
/* Reports the peer; the connection ends once what is queued has been written. */
void varlink_conn_refuse(struct varlink_conn *c, const char *why);
