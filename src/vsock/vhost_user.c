/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vsock/vhost_user.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/mem.h"

enum request {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_OWNER = 3,
	RESET_OWNER = 4,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	GET_VRING_BASE = 11,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	SET_VRING_ERR = 14,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
	SET_VRING_ENABLE = 18,
	GET_CONFIG = 24,
	SET_CONFIG = 25,
	N_REQUESTS,
};

enum {
	VERSION = 1,
	VERSION_MASK = 3,
	FLAG_REPLY = 4,
	FLAG_NEED_REPLY = 8,
	NO_FD = 256,           /* in the payload of KICK, CALL and ERR; below it the ring's number */
	HEADER_BYTES = 12,
	PAYLOAD_WAIT_MS = 1000, /* QEMU sends a message in one piece */
};

#define F_PROTOCOL_FEATURES 30
#define PROTOCOL_F_REPLY_ACK 3
#define PROTOCOL_F_CONFIG 9
#define BIT(n) (1ull << (n))

static const uint64_t features = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(F_PROTOCOL_FEATURES);
static const uint64_t protocol_features = BIT(PROTOCOL_F_REPLY_ACK) | BIT(PROTOCOL_F_CONFIG);

struct ring_state { /* vhost_vring_state */
	uint32_t index, num;
};

struct ring_addr { /* vhost_vring_addr; addresses are the VMM's */
	uint32_t index, flags;
	uint64_t desc, used, avail, log;
};

struct mem_table {
	uint32_t n, padding;
	struct {
		uint64_t guest_addr, bytes, vmm_addr, offset;
	} region[GUEST_MEM_REGIONS_MAX];
};

struct config { /* what is read is bytes from offset on */
	uint32_t offset, size, flags;
	unsigned char bytes[VHOST_USER_CONFIG_MAX];
};

struct ring {
	struct virtq q;
	struct ring_addr addr;
	bool have_addr;
	bool mapped;
	bool disabled; /* only by SET_VRING_ENABLE: QEMU before 7.1 never enables a vsock's rings */
	uint16_t handed_out; /* what GET_VRING_BASE said last */
	int kick_fd, call_fd;
	struct loop_source *kick;
};

struct vhost_user {
	struct loop *loop;
	int sock;
	struct loop_source *source;
	uint64_t guest_cid;
	const struct vhost_user_ops *ops;
	void *arg;
	uint64_t acked;
	struct guest_mem mem;
	struct ring ring[VHOST_RINGS];
};

static void set_fd(int *slot, int fd)
{
	if (*slot >= 0)
		close(*slot);
	*slot = fd;
}

static void on_kick(struct loop *l, int fd, uint32_t revents, void *arg)
{
	struct vhost_user *v = arg;
	uint64_t count;

	if (read(fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
		v->ops->work(v->arg);
}

/* Maps the ring once all is known, again after a new memory table. */
static MUST int ring_map(struct vhost_user *v, struct ring *r, struct err *e)
{
	r->mapped = false;
	if (!r->have_addr || !v->mem.n_regions || !r->q.size)
		return 0;
	r->q.mem = &v->mem;
	r->q.indirect = v->acked & BIT(VIRTIO_RING_F_INDIRECT_DESC);
	r->q.event_idx = v->acked & BIT(VIRTIO_RING_F_EVENT_IDX);
	if (virtq_map(&r->q, r->addr.desc, r->addr.avail, r->addr.used, e) < 0)
		return -1;
	r->mapped = true;
	return 0;
}

static void announce(struct vhost_user *v)
{
	if (v->ops)
		v->ops->work(v->arg);
}

static MUST int set_mem_table(struct vhost_user *v, const struct vhost_user_msg *msg, const int *fds, size_t n_fds, struct err *e)
{
	struct mem_table t;
	size_t head = offsetof(struct mem_table, region);

	memset(&t, 0, sizeof(t));
	memcpy(&t, msg->payload, msg->size < sizeof(t) ? msg->size : sizeof(t));
	if (msg->size < head || t.n > GUEST_MEM_REGIONS_MAX || msg->size < head + t.n * sizeof(t.region[0]) || n_fds != t.n)
		return err_set(e, ERR_INVALID, "a memory table of a wrong size");
	/* Whatever fails from here on, no ring points into the old memory. */
	for (unsigned i = 0; i < VHOST_RINGS; i++)
		v->ring[i].mapped = false;
	guest_mem_done(&v->mem);
	for (unsigned i = 0; i < t.n; i++)
		if (guest_mem_add(&v->mem, fds[i], t.region[i].guest_addr, t.region[i].bytes, t.region[i].vmm_addr, t.region[i].offset, e) < 0)
			return -1;
	for (unsigned i = 0; i < VHOST_RINGS; i++)
		if (ring_map(v, &v->ring[i], e) < 0)
			return -1;
	announce(v);
	return 0;
}

static void ring_stop(struct vhost_user *v, struct ring *r)
{
	if (r->kick)
		loop_remove(v->loop, r->kick);
	r->kick = NULL;
	set_fd(&r->kick_fd, -1);
	set_fd(&r->call_fd, -1);
	r->mapped = false;
	r->have_addr = false;
}

static MUST int set_base(struct vhost_user *v, struct ring *r, uint32_t base, struct err *e)
{
	if (base > UINT16_MAX)
		return err_set(e, ERR_INVALID, "a ring index of %u", base);
	/* After a pause the ring goes on where it stopped; anywhere else it is a new driver's. */
	if (base != r->handed_out && v->ops)
		v->ops->restart(v->arg);
	r->q.last_avail = r->handed_out = (uint16_t)base;
	return 0;
}

/* NUM, ADDR, BASE, GET_VRING_BASE and ENABLE: a ring's number comes first. */
static MUST int ring_request(struct vhost_user *v, struct vhost_user_msg *msg, bool *ret_reply, struct err *e)
{
	struct ring_addr a = { 0 };
	struct ring_state s;
	struct ring *r;

	memcpy(&a, msg->payload, msg->request == SET_VRING_ADDR ? sizeof(a) : sizeof(s));
	memcpy(&s, msg->payload, sizeof(s));
	if (s.index >= VHOST_RINGS)
		return err_set(e, ERR_INVALID, "no ring %u", s.index);
	r = &v->ring[s.index];
	switch (msg->request) {
	case SET_VRING_NUM:
		if (!s.num || s.num > VIRTQ_SIZE_MAX || (s.num & (s.num - 1)))
			return err_set(e, ERR_INVALID, "a ring of %u descriptors", s.num);
		r->q.size = (uint16_t)s.num;
		r->mapped = false;
		return 0;
	case SET_VRING_ADDR:
		r->addr = a;
		r->have_addr = true;
		return ring_map(v, r, e);
	case SET_VRING_BASE:
		return set_base(v, r, s.num, e);
	case SET_VRING_ENABLE:
		r->disabled = !s.num;
		announce(v);
		return 0;
	default: /* GET_VRING_BASE */
		ring_stop(v, r);
		s.num = r->handed_out = r->q.last_avail;
		memcpy(msg->payload, &s, sizeof(s));
		msg->size = sizeof(s);
		*ret_reply = true;
		return 0;
	}
}

/* KICK, CALL and ERR: a number and its descriptor. */
static MUST int ring_fd(struct vhost_user *v, const struct vhost_user_msg *msg, int *fds, size_t n_fds, struct err *e)
{
	uint64_t what;
	struct ring *r;

	memcpy(&what, msg->payload, sizeof(what));
	if ((what & 0xff) >= VHOST_RINGS || n_fds != !(what & NO_FD))
		return err_set(e, ERR_INVALID, "a ring's descriptor is missing");
	r = &v->ring[what & 0xff];
	if (msg->request == SET_VRING_CALL) {
		set_fd(&r->call_fd, n_fds ? TAKE_FD(fds[0]) : -1);
		/* What was pushed before there was anyone to tell. */
		r->q.told_idx = (uint16_t)(r->q.used_idx - 1);
		return 0;
	}
	if (msg->request == SET_VRING_ERR)
		return 0;
	if (!n_fds)
		return err_set(e, ERR_INVALID, "a ring without kicks");
	if (r->kick)
		loop_remove(v->loop, r->kick);
	r->kick = NULL;
	set_fd(&r->kick_fd, TAKE_FD(fds[0]));
	if (fd_set_nonblock(r->kick_fd, true, e) < 0)
		return -1;
	if (v->ops && loop_add_fd(v->loop, r->kick_fd, EPOLLIN, on_kick, v, &r->kick, e) < 0)
		return -1;
	announce(v);
	return 0;
}

static MUST int get_config(struct vhost_user *v, struct vhost_user_msg *msg, struct err *e)
{
	size_t head = offsetof(struct config, bytes);
	struct config c = { 0 };

	memcpy(&c, msg->payload, head);
	if (c.size > VHOST_USER_CONFIG_MAX || msg->size < head + c.size)
		return err_set(e, ERR_INVALID, "%u bytes of configuration asked for", c.size);
	/* virtio 1.2, 5.10.4: the guest's CID is all of it. */
	for (uint32_t i = 0; i < c.size; i++)
		c.bytes[i] = c.offset < 8 && i < 8 - c.offset ? (unsigned char)(v->guest_cid >> (8 * (c.offset + i))) : 0;
	msg->size = (uint32_t)(head + c.size);
	memcpy(msg->payload, &c, msg->size);
	return 0;
}

static void reply_u64(struct vhost_user_msg *msg, uint64_t value)
{
	memcpy(msg->payload, &value, sizeof(value));
	msg->size = sizeof(value);
}

static MUST int set_features(struct vhost_user *v, const struct vhost_user_msg *msg, struct err *e)
{
	uint64_t acked;

	memcpy(&acked, msg->payload, sizeof(acked));
	if (acked & ~features)
		return err_set(e, ERR_INVALID, "features that were not offered");
	v->acked = acked;
	return 0;
}

static MUST int act(struct vhost_user *v, struct vhost_user_msg *msg, int *fds, size_t n_fds, bool *ret_reply, struct err *e)
{
	switch (msg->request) {
	case GET_FEATURES:
	case GET_PROTOCOL_FEATURES:
		reply_u64(msg, msg->request == GET_FEATURES ? features : protocol_features);
		*ret_reply = true;
		return 0;
	case SET_FEATURES:
		return set_features(v, msg, e);
	case SET_OWNER:
	case RESET_OWNER:
	case SET_PROTOCOL_FEATURES:
		return 0;
	case SET_MEM_TABLE:
		return set_mem_table(v, msg, fds, n_fds, e);
	case SET_VRING_NUM:
	case SET_VRING_ADDR:
	case SET_VRING_BASE:
	case GET_VRING_BASE:
	case SET_VRING_ENABLE:
		return ring_request(v, msg, ret_reply, e);
	case SET_VRING_KICK:
	case SET_VRING_CALL:
	case SET_VRING_ERR:
		return ring_fd(v, msg, fds, n_fds, e);
	case GET_CONFIG:
		*ret_reply = true;
		return get_config(v, msg, e);
	default:
		return err_set(e, ERR_INVALID, "unknown request %u", msg->request);
	}
}

/* The least payload of each request. */
static const unsigned char least[N_REQUESTS] = {
	[SET_FEATURES] = 8, [SET_MEM_TABLE] = 8, [SET_VRING_NUM] = 8, [SET_VRING_ADDR] = sizeof(struct ring_addr), [SET_VRING_BASE] = 8,
	[GET_VRING_BASE] = 8, [SET_VRING_KICK] = 8, [SET_VRING_CALL] = 8, [SET_VRING_ERR] = 8, [SET_PROTOCOL_FEATURES] = 8,
	[SET_VRING_ENABLE] = 8, [GET_CONFIG] = offsetof(struct config, bytes),
};

int vhost_user_take(struct vhost_user *v, struct vhost_user_msg *msg, int *fds, size_t n_fds, bool *ret_reply, struct err *e)
{
	bool reply = false;

	if ((msg->flags & VERSION_MASK) != VERSION || (msg->flags & FLAG_REPLY) || msg->size > VHOST_USER_PAYLOAD_MAX)
		return err_set(e, ERR_INVALID, "vhost-user: no message of version 1");
	if (msg->request < N_REQUESTS && msg->size < least[msg->request])
		return err_set(e, ERR_INVALID, "vhost-user: request %u is too short", msg->request);
	if (act(v, msg, fds, n_fds, &reply, e) < 0)
		return err_wrap(e, "vhost-user");
	if (!reply && (msg->flags & FLAG_NEED_REPLY)) {
		reply_u64(msg, 0);
		reply = true;
	}
	msg->flags = VERSION | FLAG_REPLY;
	*ret_reply = reply;
	return 0;
}

static void close_fds(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		set_fd(&fds[i], -1);
}

/* Reads and answers one message. The header brings the descriptors; its payload follows in the same send. */
static MUST int serve_one(struct vhost_user *v, bool *ret_end, struct err *e)
{
	struct vhost_user_msg msg = { 0 };
	int fds[FD_PASS_MAX];
	size_t n_fds = 0;
	bool reply = false;
	ssize_t got = fd_recv_msg(v->sock, &msg, HEADER_BYTES, fds, &n_fds);
	int r = -1;

	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : err_sys(e, errno, "vhost-user: receive");
	*ret_end = got == 0;
	if (got == 0)
		return 0;
	if (got != HEADER_BYTES || msg.size > VHOST_USER_PAYLOAD_MAX)
		err_set(e, ERR_INVALID, "vhost-user: no message");
	else if (fd_read_all(v->sock, msg.payload, msg.size, time_now_ms() + PAYLOAD_WAIT_MS, e) == 0)
		r = vhost_user_take(v, &msg, fds, n_fds, &reply, e);
	close_fds(fds, n_fds);
	if (r == 0 && reply)
		r = fd_write_all(v->sock, &msg, HEADER_BYTES + msg.size, time_now_ms() + PAYLOAD_WAIT_MS, e);
	return r;
}

static void on_message(struct loop *l, int fd, uint32_t revents, void *arg)
{
	struct vhost_user *v = arg;
	struct err e = { 0 };
	bool end = false;

	if (serve_one(v, &end, &e) == 0 && !end)
		return;
	loop_remove(l, v->source);
	v->source = NULL;
	v->ops->ended(v->arg, &e);
}

int vhost_user_new(struct loop *l, int sock, uint64_t guest_cid, const struct vhost_user_ops *ops, void *arg, struct vhost_user **ret, struct err *e)
{
	struct vhost_user *v = NEW(struct vhost_user);

	v->loop = l;
	v->sock = sock;
	v->guest_cid = guest_cid;
	v->ops = ops;
	v->arg = arg;
	for (unsigned i = 0; i < VHOST_RINGS; i++)
		v->ring[i].kick_fd = v->ring[i].call_fd = -1;
	if (ops && loop_add_fd(l, sock, EPOLLIN, on_message, v, &v->source, e) < 0) {
		free(v);
		return -1;
	}
	*ret = v;
	return 0;
}

void vhost_user_free(struct vhost_user *v)
{
	if (!v)
		return;
	for (unsigned i = 0; i < VHOST_RINGS; i++)
		ring_stop(v, &v->ring[i]);
	if (v->source)
		loop_remove(v->loop, v->source);
	guest_mem_done(&v->mem);
	free(v);
}

struct virtq *vhost_user_ring(struct vhost_user *v, enum vhost_ring_index i)
{
	struct ring *r = &v->ring[i];

	return r->mapped && r->kick_fd >= 0 && !r->disabled && !r->q.broken ? &r->q : NULL;
}

void vhost_user_tell(struct vhost_user *v, enum vhost_ring_index i)
{
	struct ring *r = &v->ring[i];
	uint64_t one = 1;

	/* A full counter means that the guest has been told and has not looked yet. */
	if (r->mapped && virtq_must_tell(&r->q) && r->call_fd >= 0 && write(r->call_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		set_fd(&r->call_fd, -1);
}
