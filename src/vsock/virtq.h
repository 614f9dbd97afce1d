/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The device's side of a split virtqueue (virtio 1.2, 2.7) in mapped guest memory. The guest writes all of it at any time: every
 * index and address is read once and checked, and what cannot be right breaks the queue, which is then left alone. */

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"
#include "vsock/guest_mem.h"

enum {
	VIRTQ_SIZE_MAX = 1024, /* descriptors; QEMU's vsock has 128 */
	VIRTQ_IOV_MAX = 64,    /* pieces of one chain; Linux makes up to 19 */
};

struct virtq {
	const struct guest_mem *mem; /* borrowed */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t size;       /* a power of two */
	uint16_t last_avail; /* the next entry of avail to take */
	uint16_t used_idx;   /* the next entry of used to fill */
	uint16_t told_idx;   /* used_idx when the guest was last told */
	bool indirect;       /* VIRTIO_F_INDIRECT_DESC was acknowledged */
	bool event_idx;      /* VIRTIO_F_EVENT_IDX was */
	bool broken;
};

/* One request: what the guest wrote (out) first, then where it wants an answer (in). */
struct virtq_chain {
	uint16_t head;
	unsigned n_out, n_in;
	size_t out_bytes, in_bytes;
	struct iovec iov[VIRTQ_IOV_MAX];
};

/* Points q at rings given by the VMM's addresses; q's mem, size and last_avail are set. Wrong ones are ERR_INVALID. used_idx is taken from the ring. */
MUST int virtq_map(struct virtq *q, uint64_t desc, uint64_t avail, uint64_t used, struct err *e);
/* Takes the next chain; *ret_any is false when there is none. ERR_CORRUPT breaks the queue. */
MUST int virtq_pop(struct virtq *q, struct virtq_chain *ret, bool *ret_any, struct err *e);
/* Gives back the n chains taken last. */
void virtq_unpop(struct virtq *q, unsigned n);
/* Hands the chain back, bytes written into its in part. The guest sees it at once. */
void virtq_push(struct virtq *q, uint16_t head, uint32_t bytes);
/* True when the guest wants to be told of what was pushed since the last true. */
bool virtq_must_tell(struct virtq *q);
/* Asks the guest for a kick when it adds a chain; true when there is one already (then it is not asked). */
bool virtq_ask_kick(struct virtq *q);
/* Asks for no kicks: the device looks by itself. */
void virtq_refuse_kick(struct virtq *q);
