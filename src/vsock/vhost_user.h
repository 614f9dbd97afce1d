/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The back end's side of vhost-user (QEMU's docs/interop/vhost-user) for one virtio-vsock device with two rings. What arrives is
 * checked as if a stranger sent it; a message that cannot be right ends the session. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/loop.h"
#include "vsock/virtq.h"

enum vhost_ring_index { VHOST_RING_RX, VHOST_RING_TX, VHOST_RINGS }; /* the event queue stays QEMU's */

enum {
	VHOST_USER_PAYLOAD_MAX = 512, /* the largest is SET_MEM_TABLE's 264 bytes */
	VHOST_USER_CONFIG_MAX = 256,
};

struct vhost_user_msg {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* of payload */
	unsigned char payload[VHOST_USER_PAYLOAD_MAX];
};

struct vhost_user_ops {
	/* There may be work in a ring: it came up or the guest kicked. */
	void (*work)(void *arg);
	/* Another driver begins (the guest has restarted): what belonged to the one before is void. */
	void (*restart)(void *arg);
	/* The VMM is gone (e is empty) or has sent nonsense. */
	void (*ended)(void *arg, const struct err *e);
};

struct vhost_user;

/* Serves sock, which stays the caller's; with ops NULL nothing is watched and vhost_user_take is fed by hand. */
MUST int vhost_user_new(struct loop *l, int sock, uint64_t guest_cid, const struct vhost_user_ops *ops, void *arg, struct vhost_user **ret, struct err *e);
void vhost_user_free(struct vhost_user *v);
/* The ring, or NULL while it must not be touched. */
struct virtq *vhost_user_ring(struct vhost_user *v, enum vhost_ring_index i);
/* Tells the guest of what was pushed to a ring, if it wants to hear. */
void vhost_user_tell(struct vhost_user *v, enum vhost_ring_index i);
/* Acts on one message; takes the descriptors it keeps and sets them to -1. *ret_reply is true when msg now holds an answer. */
MUST int vhost_user_take(struct vhost_user *v, struct vhost_user_msg *msg, int *fds, size_t n_fds, bool *ret_reply, struct err *e);
