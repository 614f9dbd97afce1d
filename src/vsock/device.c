/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vsock/device.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "vsock/device_internal.h"

enum {
	TX_A_ROUND = 32,     /* packets of the guest's before it gets some of ours */
	RX_A_ROUND = 32,     /* turns of connections */
	ROUNDS_A_WORK = 8,   /* before the loop looks at its other descriptors */
	CHAINS_A_READ = 16,  /* Linux gives 4 KiB buffers: one read fills up to 64 KiB of them */
	READ_IOV_MAX = 64,
};

static struct list *bucket_of(struct vsock_device *d, uint32_t local_port, uint32_t peer_port)
{
	uint32_t h = (local_port * 2654435761u) ^ (peer_port * 2246822519u);

	return &d->bucket[(h ^ h >> 15) % VSOCK_BUCKETS];
}

struct vsock_conn *vsock_device_find(struct vsock_device *d, uint32_t local_port, uint32_t peer_port)
{
	list_for_each(it, bucket_of(d, local_port, peer_port)) {
		struct vsock_conn *c = list_entry(it, struct vsock_conn, all);
		if (c->local_port == local_port && c->peer_port == peer_port)
			return c;
	}
	return NULL;
}

struct vsock_conn *vsock_device_add(struct vsock_device *d, int fd, uint32_t local_port, uint32_t peer_port, enum vsock_state state)
{
	struct vsock_conn *c = vsock_conn_new(fd, local_port, peer_port, state);

	c->device = d;
	list_add_tail(bucket_of(d, local_port, peer_port), &c->all);
	d->n_conns++;
	return c;
}

void vsock_device_remove(struct vsock_device *d, struct vsock_conn *c)
{
	loop_remove(d->loop, c->source);
	loop_remove(d->loop, c->timer);
	d->n_conns--;
	vsock_conn_free(c);
}

void vsock_device_refuse(struct vsock_device *d, uint32_t local_port, uint32_t peer_port)
{
	/* A guest that floods us without taking answers goes without some. */
	if (d->n_rsts == VSOCK_RSTS_MAX)
		return;
	d->rst[d->n_rsts].local_port = local_port;
	d->rst[d->n_rsts++].peer_port = peer_port;
}

static void on_deadline(struct loop *l, void *arg)
{
	struct vsock_conn *c = arg;
	struct vsock_device *d = c->device;

	c->timer = NULL;
	if (!c->deadline_ms)
		return;
	if (c->deadline_ms <= time_now_ms())
		vsock_conn_kill(c);
	vsock_device_settle(d, c);
	vsock_device_work(d);
}

void vsock_device_settle(struct vsock_device *d, struct vsock_conn *c)
{
	bool news = vsock_conn_has_news(c);

	if (news && list_empty(&c->ready))
		list_add_tail(&d->ready, &c->ready);
	else if (!news)
		list_remove(&c->ready);
	/* A limit that is lifted leaves its timer, which then finds nothing due. */
	if (c->deadline_ms && !c->timer)
		c->timer = loop_add_timer(d->loop, c->deadline_ms, on_deadline, c);
	if (c->fd >= 0)
		vsock_host_watch(d, c);
}

/* Copies n bytes out of the front of the iovecs, which then begin behind them. */
static bool take_front(struct iovec **v, unsigned *n, void *to, size_t bytes)
{
	char *at = to;

	while (bytes) {
		if (!*n)
			return false;
		size_t part = (*v)->iov_len < bytes ? (*v)->iov_len : bytes;
		memcpy(at, (*v)->iov_base, part);
		at += part;
		bytes -= part;
		(*v)->iov_base = (char *)(*v)->iov_base + part;
		(*v)->iov_len -= part;
		if (!(*v)->iov_len) {
			(*v)++;
			(*n)--;
		}
	}
	return true;
}

/* Cuts the iovecs to bytes; false when they hold less. */
static bool cut(struct iovec *v, unsigned *n, size_t bytes)
{
	unsigned used = 0;

	while (bytes && used < *n) {
		if (v[used].iov_len > bytes)
			v[used].iov_len = bytes;
		bytes -= v[used++].iov_len;
	}
	*n = used;
	return bytes == 0;
}

static void guest_packet(struct vsock_device *d, struct virtq_chain *chain)
{
	struct iovec *data = chain->iov;
	unsigned n = chain->n_out;
	struct virtio_vsock_hdr h;

	if (!take_front(&data, &n, &h, sizeof(h)) || h.src_cid != d->guest_cid || h.dst_cid != VSOCK_HOST_CID)
		return;
	if (h.op == VIRTIO_VSOCK_OP_RW ? !cut(data, &n, h.len) : h.len)
		return;
	struct vsock_conn *c = vsock_device_find(d, h.dst_port, h.src_port);
	if (h.op == VIRTIO_VSOCK_OP_RST) {
		if (c)
			vsock_device_remove(d, c);
	} else if (h.type != VIRTIO_VSOCK_TYPE_STREAM || (!c && h.op != VIRTIO_VSOCK_OP_REQUEST)) {
		vsock_device_refuse(d, h.dst_port, h.src_port);
	} else if (!c) {
		vsock_host_connect(d, &h);
	} else {
		vsock_conn_packet(c, &h, data, n);
		vsock_device_settle(d, c);
	}
}

static bool pop(struct virtq *q, struct virtq_chain *chain)
{
	struct err e = { 0 };
	bool any = false;

	/* The guest has only hurt itself: its queue is dead from here on. */
	if (virtq_pop(q, chain, &any, &e) < 0)
		log_warn("guest broke its vsock queue", "why", e.msg);
	return any;
}

static unsigned from_guest(struct vsock_device *d)
{
	struct virtq *q = d->t.ring(d->t.arg, 1);
	struct virtq_chain chain;
	unsigned done = 0;

	while (q && done < TX_A_ROUND && pop(q, &chain)) {
		guest_packet(d, &chain);
		virtq_push(q, chain.head, 0);
		done++;
	}
	if (done)
		d->t.tell(d->t.arg, 1);
	return done;
}

/* Takes a chain that has room for a header and a byte. Linux gives no others; a guest that does is left alone from here on. */
static bool pop_room(struct virtq *q, struct virtq_chain *chain)
{
	if (!pop(q, chain))
		return false;
	if (chain->in_bytes > sizeof(struct virtio_vsock_hdr))
		return true;
	log_warn("guest gave a vsock buffer without room");
	q->broken = true;
	return false;
}

static void push_packet(struct vsock_device *d, struct virtq *q, struct virtq_chain *chain, struct virtio_vsock_hdr *h)
{
	const char *at = (const char *)h;
	size_t left = sizeof(*h);

	h->src_cid = VSOCK_HOST_CID;
	h->dst_cid = d->guest_cid;
	for (struct iovec *v = chain->iov + chain->n_out; left; v++) {
		size_t part = v->iov_len < left ? v->iov_len : left;
		memcpy(v->iov_base, at, part);
		at += part;
		left -= part;
	}
	virtq_push(q, chain->head, (uint32_t)sizeof(*h) + h->len);
}

/* Lists the space behind the header, up to limit bytes. Returns the number of pieces. */
static unsigned payload_iov(const struct virtq_chain *chain, size_t limit, struct iovec *v, unsigned max)
{
	size_t before = sizeof(struct virtio_vsock_hdr);
	unsigned n = 0;

	for (unsigned i = chain->n_out; i < chain->n_out + chain->n_in && limit && n < max; i++) {
		struct iovec piece = chain->iov[i];
		size_t off = before < piece.iov_len ? before : piece.iov_len;
		before -= off;
		piece.iov_base = (char *)piece.iov_base + off;
		piece.iov_len = piece.iov_len - off < limit ? piece.iov_len - off : limit;
		limit -= piece.iov_len;
		if (piece.iov_len)
			v[n++] = piece;
	}
	return n;
}

/* Reads the host's bytes straight into as many of the guest's buffers as one system call fills. Returns false when the guest has no buffer. */
static bool send_data(struct vsock_device *d, struct virtq *q, struct vsock_conn *c, uint32_t limit)
{
	struct virtq_chain chain[CHAINS_A_READ];
	struct iovec v[READ_IOV_MAX];
	unsigned n = 0, n_iov = 0, used = 0;
	size_t room = 0, piece[CHAINS_A_READ];

	while (n < CHAINS_A_READ && room < limit && n_iov < READ_IOV_MAX && pop_room(q, &chain[n])) {
		unsigned add = payload_iov(&chain[n], limit - room, v + n_iov, READ_IOV_MAX - n_iov);
		piece[n] = 0;
		for (unsigned i = n_iov; i < n_iov + add; i++)
			piece[n] += v[i].iov_len;
		room += piece[n++];
		n_iov += add;
	}
	if (!n)
		return false;
	for (size_t left = vsock_conn_read(c, v, n_iov); left; used++) {
		struct virtio_vsock_hdr h;
		size_t part = left < piece[used] ? left : piece[used];
		vsock_conn_data_header(c, (uint32_t)part, &h);
		push_packet(d, q, &chain[used], &h);
		left -= part;
	}
	virtq_unpop(q, n - used);
	return true;
}

/* One turn of a connection. Returns false when the guest has no buffer. */
static bool turn(struct vsock_device *d, struct virtq *q, struct vsock_conn *c)
{
	uint32_t limit = vsock_conn_may_send(c);
	struct virtio_vsock_hdr h;
	struct virtq_chain chain;

	if (limit && !send_data(d, q, c, limit))
		return false;
	if (!limit) {
		if (!pop_room(q, &chain))
			return false;
		if (!vsock_conn_say(c, &h)) {
			virtq_unpop(q, 1);
		} else {
			push_packet(d, q, &chain, &h);
			if (h.op == VIRTIO_VSOCK_OP_RST) {
				vsock_device_remove(d, c);
				return true;
			}
		}
	}
	list_remove(&c->ready); /* to the end of the queue, if there is more */
	vsock_device_settle(d, c);
	return true;
}

static bool send_rst(struct vsock_device *d, struct virtq *q)
{
	struct virtq_chain chain;
	struct virtio_vsock_hdr h = { .type = VIRTIO_VSOCK_TYPE_STREAM, .op = VIRTIO_VSOCK_OP_RST };

	if (!pop_room(q, &chain))
		return false;
	h.src_port = d->rst[0].local_port;
	h.dst_port = d->rst[0].peer_port;
	push_packet(d, q, &chain, &h);
	memmove(&d->rst[0], &d->rst[1], --d->n_rsts * sizeof(d->rst[0]));
	return true;
}

/* *ret_starved: there is more to say than the guest has buffers for. */
static unsigned to_guest(struct vsock_device *d, bool *ret_starved)
{
	struct virtq *q = d->t.ring(d->t.arg, 0);
	bool room = q;
	unsigned done = 0;

	for (; room && d->n_rsts && done < RX_A_ROUND; done++)
		room = send_rst(d, q);
	for (; room && !list_empty(&d->ready) && done < RX_A_ROUND; done++)
		room = turn(d, q, list_entry(d->ready.next, struct vsock_conn, ready));
	*ret_starved = !room;
	if (done)
		d->t.tell(d->t.arg, 0);
	return room ? done : 0;
}

static void on_again(struct loop *l, void *arg)
{
	struct vsock_device *d = arg;

	d->again = NULL;
	vsock_device_work(d);
}

/* True when the guest has added something since we looked. */
static bool ask_kicks(struct vsock_device *d, bool starved)
{
	struct virtq *tx = d->t.ring(d->t.arg, 1), *rx = d->t.ring(d->t.arg, 0);
	bool more = tx && virtq_ask_kick(tx);

	if (rx && !starved)
		virtq_refuse_kick(rx);
	return (rx && starved && virtq_ask_kick(rx)) || more;
}

void vsock_device_work(struct vsock_device *d)
{
	struct virtq *tx = d->t.ring(d->t.arg, 1);
	bool starved = false;

	if (tx)
		virtq_refuse_kick(tx);
	for (unsigned round = 0; round < ROUNDS_A_WORK; round++) {
		unsigned done = from_guest(d);
		done += to_guest(d, &starved);
		if (!done && !ask_kicks(d, starved))
			return;
	}
	if (!d->again)
		d->again = loop_defer(d->loop, on_again, d);
}

/* A folder whose sockets' paths may not fit into an address is reached by descriptor. */
static MUST int open_uds_dir(struct vsock_device *d, struct err *e)
{
	AUTO_MEM char *dir = NULL;

	if (strlen(d->uds) + sizeof("_4294967295") <= sizeof(((struct sockaddr_un *)0)->sun_path))
		return 0;
	dir = path_dirname(d->uds);
	d->uds_dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return d->uds_dir_fd < 0 ? err_sys(e, errno, "open '%s'", dir) : 0;
}

int vsock_device_new(struct loop *l, uint64_t guest_cid, int listen_fd, const char *uds, const struct vsock_transport *t,
		     struct vsock_device **ret, struct err *e)
{
	struct vsock_device *d = NEW(struct vsock_device);

	d->loop = l;
	d->guest_cid = guest_cid;
	d->listen_fd = listen_fd;
	d->uds = mem_strdup(uds);
	d->uds_dir_fd = -1;
	d->t = *t;
	d->last_port = (1u << 30) - 1;
	list_init(&d->ready);
	list_init(&d->greetings);
	for (unsigned i = 0; i < VSOCK_BUCKETS; i++)
		list_init(&d->bucket[i]);
	if (open_uds_dir(d, e) < 0 || vsock_host_listen(d, e) < 0) {
		vsock_device_free(d);
		return -1;
	}
	*ret = d;
	return 0;
}

void vsock_device_reset(struct vsock_device *d)
{
	for (unsigned i = 0; i < VSOCK_BUCKETS; i++)
		list_for_each(it, &d->bucket[i])
			vsock_device_remove(d, list_entry(it, struct vsock_conn, all));
	d->n_rsts = 0;
}

void vsock_device_free(struct vsock_device *d)
{
	if (!d)
		return;
	vsock_host_stop(d);
	vsock_device_reset(d);
	loop_remove(d->loop, d->again);
	auto_fd_close(&d->uds_dir_fd);
	free(d->uds);
	free(d);
}
