/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* One stream between a guest's vsock and a unix socket: its state and credit (virtio 1.2, 5.10.6). Knows no ring and no loop: the device
 * brings packets and asks what to say. Close and half-close are Firecracker's: the host's end of file shuts the guest's socket both
 * ways, and a guest that shuts only its sending side is not seen by the host before it shuts the other or closes. */

#include <linux/virtio_vsock.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/list.h"
#include "base/loop.h"

enum {
	VSOCK_BUF_BYTES = 256 * 1024, /* what a guest may send ahead of the host's reading: Linux's own figure */
	VSOCK_WAIT_MS = 2000,         /* for an answer to a request, and for the end of a shutdown, as Firecracker */
};

enum vsock_state {
	VSOCK_CONNECTING,   /* the guest asked; the listener's backlog is full */
	VSOCK_LOCAL_INIT,   /* the host asked, the guest has not answered */
	VSOCK_PEER_INIT,    /* the guest asked, our answer is not out */
	VSOCK_ESTABLISHED,
	VSOCK_LOCAL_CLOSED, /* the host's end of file has been told */
	VSOCK_DEAD,         /* its last word is RST */
};

/* What is to be said besides data, in the order of telling. */
enum vsock_say {
	VSOCK_SAY_RST = 1,
	VSOCK_SAY_REQUEST = 2,
	VSOCK_SAY_RESPONSE = 4,
	VSOCK_SAY_CREDIT_REQUEST = 8,
	VSOCK_SAY_CREDIT_UPDATE = 16,
	VSOCK_SAY_SHUTDOWN = 32,
};

struct vsock_conn {
	struct list all, ready; /* the device's lists */
	uint32_t local_port, peer_port;
	int fd;                 /* owned; non-blocking */
	enum vsock_state state;
	bool recv_off, send_off; /* what the guest has shut */
	bool readable;          /* fd may have bytes or its end */
	bool credit_asked;
	unsigned say;           /* enum vsock_say */
	uint32_t peer_buf_alloc, peer_fwd_cnt, rx_cnt; /* the guest's room, what it has taken, what we have sent */
	uint32_t fwd_cnt, told_fwd_cnt;                /* what the host has taken, and what of it the guest knows */
	char *held;             /* bytes that the host's socket had no room for; VSOCK_BUF_BYTES of room */
	size_t held_at, held_len;
	/* The device's. */
	struct loop_source *source, *timer;
	uint32_t events;
	int64_t deadline_ms;    /* when the wait ends, 0 for none */
	void *device;
};

struct vsock_conn *vsock_conn_new(int fd, uint32_t local_port, uint32_t peer_port, enum vsock_state state);
/* Closes its socket. */
void vsock_conn_free(struct vsock_conn *c);
/* A packet of the guest's for it, not RST: h is a checked copy, data its payload (h->len bytes in n pieces, which are consumed). */
void vsock_conn_packet(struct vsock_conn *c, const struct virtio_vsock_hdr *h, struct iovec *data, unsigned n);
/* Its socket takes bytes again. */
void vsock_conn_flush(struct vsock_conn *c);
/* True when it has something to tell the guest now. */
bool vsock_conn_has_news(struct vsock_conn *c);
/* How many bytes of data it may send at once; 0 when it says something else first. */
uint32_t vsock_conn_may_send(const struct vsock_conn *c);
/* Reads data into room (n pieces). Returns its length; 0 when something else is to be said instead, or nothing (see has_news). */
size_t vsock_conn_read(struct vsock_conn *c, const struct iovec *room, unsigned n);
/* The next thing to say in h, addresses but for the CID included. False when there is nothing. */
bool vsock_conn_say(struct vsock_conn *c, struct virtio_vsock_hdr *h);
/* Fills the header of a data packet and counts its bytes. */
void vsock_conn_data_header(struct vsock_conn *c, uint32_t bytes, struct virtio_vsock_hdr *h);
/* Ends it: RST is what remains to be said. */
void vsock_conn_kill(struct vsock_conn *c);
