/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A guest's driver for the device, small: rings and buffers in plain memory, sockets in a temporary folder. Also the fuzz targets'. */

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/virtio_vsock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/loop.h"
#include "base/path.h"
#include "vsock/device.h"
#include "vsock/virtq.h"

enum {
	DRIVER_SIZE = 128,
	DRIVER_BASE = 0x100000, /* where the guest has its memory */
	DRIVER_BYTES = 0xa0000,
	DRIVER_RING = 0x4000,   /* of each queue: descriptors, avail and used 0x1000 apart */
	DRIVER_RX_AT = 0x10000, DRIVER_RX_BYTES = 4096,
	DRIVER_TX_AT = 0x90000, DRIVER_TX_BYTES = 0x10000,
	DRIVER_CID = 7, DRIVER_HOST = 2,
};

struct driver {
	char *mem;
	struct guest_mem regions;
	struct virtq q[2];
	uint16_t used_seen[2];
	unsigned told[2];
	bool down;             /* the rings are away */
	struct loop *loop;
	struct vsock_device *device;
	char dir[40], uds[64];
	int listen_fd;
};

static struct virtq *driver_ring(void *arg, int tx)
{
	struct driver *d = arg;

	return d->down || d->q[tx].broken ? NULL : &d->q[tx];
}

static void driver_tell(void *arg, int tx)
{
	struct driver *d = arg;

	d->told[tx] += virtq_must_tell(&d->q[tx]);
}

static inline void driver_offer(struct driver *d, int tx, uint16_t id, uint64_t at, uint32_t len, uint16_t flags)
{
	struct virtq *q = &d->q[tx];

	q->desc[id] = (struct vring_desc){ DRIVER_BASE + at, len, flags, 0 };
	q->avail->ring[q->avail->idx & (DRIVER_SIZE - 1)] = id;
	__atomic_store_n(&q->avail->idx, (uint16_t)(q->avail->idx + 1), __ATOMIC_RELEASE);
}

static inline void driver_start(struct driver *d, unsigned rx_buffers)
{
	struct vsock_transport t = { driver_ring, driver_tell, d };
	struct err e = { 0 };

	memset(d, 0, sizeof(*d));
	d->mem = calloc(1, DRIVER_BYTES);
	d->regions = (struct guest_mem){ 1, { { DRIVER_BASE, DRIVER_BYTES, 0x7000000000, d->mem, NULL, 0 } } };
	snprintf(d->dir, sizeof(d->dir), "/tmp/banger-vsock-XXXXXX");
	assert(mkdtemp(d->dir));
	snprintf(d->uds, sizeof(d->uds), "%s/v", d->dir);
	for (unsigned tx = 0; tx < 2; tx++) {
		uint64_t at = 0x7000000000 + tx * DRIVER_RING;
		d->q[tx].mem = &d->regions;
		d->q[tx].size = DRIVER_SIZE;
		assert(virtq_map(&d->q[tx], at, at + 0x1000, at + 0x2000, &e) == 0);
	}
	for (uint16_t i = 0; i < rx_buffers; i++)
		driver_offer(d, 0, i, DRIVER_RX_AT + i * DRIVER_RX_BYTES, DRIVER_RX_BYTES, VRING_DESC_F_WRITE);
	assert(loop_new(&d->loop, &e) == 0 && fd_listen_unix(d->uds, 0600, &d->listen_fd, &e) == 0);
	assert(vsock_device_new(d->loop, DRIVER_CID, d->listen_fd, d->uds, &t, &d->device, &e) == 0);
}

static inline void driver_stop(struct driver *d)
{
	struct err e = { 0 };

	vsock_device_free(d->device);
	loop_free(d->loop);
	close(d->listen_fd);
	assert(path_remove_tree(d->dir, &e) == 0);
	free(d->mem);
}

static void driver_enough(struct loop *l, void *arg)
{
	loop_stop(l);
}

/* One turn of the loop: what is there now is handled. */
static inline void driver_turn(struct driver *d)
{
	struct err e = { 0 };

	loop_defer(d->loop, driver_enough, NULL);
	assert(loop_run(d->loop, &e) == 0);
}

/* The guest sends one packet; h->len bytes of data follow the header in the same buffer. */
static inline void driver_send(struct driver *d, const struct virtio_vsock_hdr *h, const void *data, size_t n)
{
	memcpy(d->mem + DRIVER_TX_AT, h, sizeof(*h));
	if (n)
		memcpy(d->mem + DRIVER_TX_AT + sizeof(*h), data, n);
	driver_offer(d, 1, 0, DRIVER_TX_AT, (uint32_t)(sizeof(*h) + n), 0);
	vsock_device_work(d->device);
}

static inline struct virtio_vsock_hdr driver_header(uint16_t op, uint32_t guest_port, uint32_t host_port)
{
	return (struct virtio_vsock_hdr){ .src_cid = DRIVER_CID, .dst_cid = DRIVER_HOST, .src_port = guest_port, .dst_port = host_port,
					  .type = VIRTIO_VSOCK_TYPE_STREAM, .op = op, .buf_alloc = 1 << 18 };
}

/* The next packet for the guest, its data behind it in *ret_data; its buffer is offered again. False when there is none. */
static inline bool driver_receive(struct driver *d, struct virtio_vsock_hdr *ret, char ret_data[static DRIVER_RX_BYTES])
{
	struct virtq *q = &d->q[0];
	uint16_t idx = __atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE);

	if (idx == d->used_seen[0])
		return false;
	struct vring_used_elem u = q->used->ring[d->used_seen[0]++ & (DRIVER_SIZE - 1)];
	const char *at = d->mem + DRIVER_RX_AT + u.id * DRIVER_RX_BYTES;
	memcpy(ret, at, sizeof(*ret));
	assert(u.len == sizeof(*ret) + ret->len && u.len <= DRIVER_RX_BYTES);
	memcpy(ret_data, at + sizeof(*ret), ret->len);
	driver_offer(d, 0, (uint16_t)u.id, DRIVER_RX_AT + u.id * DRIVER_RX_BYTES, DRIVER_RX_BYTES, VRING_DESC_F_WRITE);
	return true;
}
