/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A virtio-vsock device (virtio 1.2, 5.10; streams only) that gives the guest's vsock the unix sockets that Firecracker gives it: on <uds>
 * the host says "CONNECT port\n" and hears "OK n\n"; what the guest connects to at port N of the host (CID 2) reaches <uds>_N. */

#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"

enum { VSOCK_CONNECTIONS_MAX = 1023 };

struct virtq;
struct vsock_device;

/* How the device reaches its rings; both may be away at any time. */
struct vsock_transport {
	struct virtq *(*ring)(void *arg, int tx); /* NULL while it must not be touched */
	void (*tell)(void *arg, int tx);          /* the guest, of what was pushed */
	void *arg;
};

/* listen_fd listens at uds and stays the caller's, uds is copied. */
MUST int vsock_device_new(struct loop *l, uint64_t guest_cid, int listen_fd, const char *uds, const struct vsock_transport *t,
			  struct vsock_device **ret, struct err *e);
void vsock_device_free(struct vsock_device *d);
/* Moves packets both ways until there is nothing left to do or others must have their turn, which it then asks the loop for. */
void vsock_device_work(struct vsock_device *d);
/* Ends all connections: their guest is gone. */
void vsock_device_reset(struct vsock_device *d);
