/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Shared by device.c (rings and packets) and device_host.c (unix sockets). */

#include <linux/virtio_vsock.h>

#include "base/list.h"
#include "vsock/conn.h"
#include "vsock/device.h"
#include "vsock/virtq.h"

enum { VSOCK_BUCKETS = 1024, VSOCK_RSTS_MAX = 256, VSOCK_HOST_CID = 2 };

struct vsock_device {
	struct loop *loop;
	uint64_t guest_cid;
	struct vsock_transport t;
	char *uds;
	int uds_dir_fd; /* its folder, where the path is too long for a socket address; else -1 */
	int listen_fd;
	struct loop_source *listen;
	struct list bucket[VSOCK_BUCKETS];
	struct list ready;     /* connections with news for the guest, in the order of their turns */
	struct list greetings; /* accepted, not yet told which port */
	unsigned n_conns;      /* greetings included */
	uint32_t last_port;
	struct loop_source *again;
	unsigned n_rsts;       /* for packets that belong to no connection */
	struct {
		uint32_t local_port, peer_port;
	} rst[VSOCK_RSTS_MAX];
};

/* Enters a connection (fd is then owned by it; -1 for VSOCK_CONNECTING). */
struct vsock_conn *vsock_device_add(struct vsock_device *d, int fd, uint32_t local_port, uint32_t peer_port, enum vsock_state state);
void vsock_device_remove(struct vsock_device *d, struct vsock_conn *c);
struct vsock_conn *vsock_device_find(struct vsock_device *d, uint32_t local_port, uint32_t peer_port);
/* After anything has happened to c: its turn, its events and its time limit follow. */
void vsock_device_settle(struct vsock_device *d, struct vsock_conn *c);
/* Queues an RST to a guest's port that talks to nobody. */
void vsock_device_refuse(struct vsock_device *d, uint32_t local_port, uint32_t peer_port);

/* device_host.c */
MUST int vsock_host_listen(struct vsock_device *d, struct err *e);
void vsock_host_stop(struct vsock_device *d);
/* The guest asks for a port of the host's. */
void vsock_host_connect(struct vsock_device *d, const struct virtio_vsock_hdr *h);
/* Watches c's socket as its state asks. */
void vsock_host_watch(struct vsock_device *d, struct vsock_conn *c);
