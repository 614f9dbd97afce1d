/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vsock/virtq.h"

#include <inttypes.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "virtio 1 rings are little endian, and so are we");

/* The guest runs while we look: one read for each value, and an order between index and entries (virtio 1.2, 2.7.13). */
#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define READ_ACQUIRE(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
#define WRITE_RELEASE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELEASE)

/* The words behind the rings: where each side says at which index it wants to hear from the other. */
static uint16_t *used_event(struct virtq *q)
{
	return &q->avail->ring[q->size];
}

static uint16_t *avail_event(struct virtq *q)
{
	return (uint16_t *)(void *)&q->used->ring[q->size];
}

int virtq_map(struct virtq *q, uint64_t desc, uint64_t avail, uint64_t used, struct err *e)
{
	if (!q->size || q->size > VIRTQ_SIZE_MAX || (q->size & (q->size - 1)))
		return err_set(e, ERR_INVALID, "queue of %u descriptors", q->size);
	q->desc = guest_mem_at_vmm(q->mem, desc, sizeof(struct vring_desc) * q->size, VRING_DESC_ALIGN_SIZE);
	q->avail = guest_mem_at_vmm(q->mem, avail, sizeof(struct vring_avail) + sizeof(uint16_t) * (q->size + 1u), VRING_AVAIL_ALIGN_SIZE);
	q->used = guest_mem_at_vmm(q->mem, used, sizeof(struct vring_used) + sizeof(struct vring_used_elem) * q->size + sizeof(uint16_t),
				   VRING_USED_ALIGN_SIZE);
	if (!q->desc || !q->avail || !q->used)
		return err_set(e, ERR_INVALID, "rings outside of guest memory");
	q->used_idx = q->told_idx = READ_ONCE(q->used->idx);
	q->broken = false;
	return 0;
}

static int broken(struct virtq *q, struct err *e, const char *why)
{
	q->broken = true;
	return err_set(e, ERR_CORRUPT, "virtqueue: %s", why);
}

/* Adds one buffer of the guest's to the chain, in pieces where it spans regions. */
static MUST int add_buffer(struct virtq *q, struct virtq_chain *c, const struct vring_desc *d, struct err *e)
{
	bool in = d->flags & VRING_DESC_F_WRITE;
	uint64_t at = d->addr, left = d->len;

	if (!in && c->n_in)
		return broken(q, e, "a readable buffer after a writable one");
	while (left) {
		uint64_t bytes = 0;
		void *p = guest_mem_at(q->mem, at, left, &bytes);
		if (!p)
			return broken(q, e, "a buffer outside of guest memory");
		if (c->n_out + c->n_in == VIRTQ_IOV_MAX)
			return broken(q, e, "a chain of too many pieces");
		c->iov[c->n_out + c->n_in] = (struct iovec){ p, bytes };
		*(in ? &c->n_in : &c->n_out) += 1;
		*(in ? &c->in_bytes : &c->out_bytes) += bytes;
		at += bytes;
		left -= bytes;
	}
	return 0;
}

static struct vring_desc read_desc(const struct vring_desc *d)
{
	return (struct vring_desc){ READ_ONCE(d->addr), READ_ONCE(d->len), READ_ONCE(d->flags), READ_ONCE(d->next) };
}

static MUST int walk(struct virtq *q, const struct vring_desc *table, unsigned size, uint16_t at, bool nested, struct virtq_chain *c, struct err *e);

static MUST int walk_indirect(struct virtq *q, const struct vring_desc *d, bool nested, struct virtq_chain *c, struct err *e)
{
	uint64_t bytes = 0;
	const void *table = guest_mem_at(q->mem, d->addr, d->len, &bytes);

	if (!q->indirect || nested || (d->flags & VRING_DESC_F_NEXT))
		return broken(q, e, "an indirect descriptor where none may be");
	if (!d->len || d->len % sizeof(struct vring_desc) || d->len / sizeof(struct vring_desc) > VIRTQ_SIZE_MAX)
		return broken(q, e, "an indirect table of a wrong size");
	if (!table || bytes != d->len || ((uintptr_t)table & 7))
		return broken(q, e, "an indirect table outside of guest memory");
	return walk(q, table, d->len / sizeof(struct vring_desc), 0, true, c, e);
}

static int walk(struct virtq *q, const struct vring_desc *table, unsigned size, uint16_t at, bool nested, struct virtq_chain *c, struct err *e)
{
	for (unsigned n = 0; n < size; n++) {
		if (at >= size)
			return broken(q, e, "a descriptor behind the table");
		struct vring_desc d = read_desc(&table[at]);
		if (d.flags & VRING_DESC_F_INDIRECT)
			return walk_indirect(q, &d, nested, c, e);
		if (add_buffer(q, c, &d, e) < 0)
			return -1;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return 0;
		at = d.next;
	}
	return broken(q, e, "a chain that bites its tail");
}

int virtq_pop(struct virtq *q, struct virtq_chain *ret, bool *ret_any, struct err *e)
{
	uint16_t idx = READ_ACQUIRE(q->avail->idx), waiting = (uint16_t)(idx - q->last_avail);

	if (q->broken || !waiting) {
		*ret_any = false;
		return 0;
	}
	if (waiting > q->size)
		return broken(q, e, "more chains than descriptors");
	ret->head = READ_ONCE(q->avail->ring[q->last_avail & (q->size - 1)]);
	ret->n_out = ret->n_in = 0;
	ret->out_bytes = ret->in_bytes = 0;
	if (walk(q, q->desc, q->size, ret->head, false, ret, e) < 0)
		return -1;
	q->last_avail++;
	*ret_any = true;
	return 0;
}

void virtq_unpop(struct virtq *q, unsigned n)
{
	q->last_avail = (uint16_t)(q->last_avail - n);
}

void virtq_push(struct virtq *q, uint16_t head, uint32_t bytes)
{
	struct vring_used_elem *u = &q->used->ring[q->used_idx & (q->size - 1)];

	WRITE_ONCE(u->id, head);
	WRITE_ONCE(u->len, bytes);
	q->used_idx++;
	WRITE_RELEASE(q->used->idx, q->used_idx);
}

bool virtq_must_tell(struct virtq *q)
{
	uint16_t was = q->told_idx;

	if (q->broken || q->used_idx == was)
		return false;
	/* The guest arms its wish, then looks at idx; we wrote idx and now look at the wish. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	q->told_idx = q->used_idx;
	if (q->event_idx)
		return vring_need_event(READ_ONCE(*used_event(q)), q->used_idx, was);
	return !(READ_ONCE(q->avail->flags) & VRING_AVAIL_F_NO_INTERRUPT);
}

bool virtq_ask_kick(struct virtq *q)
{
	if (q->broken)
		return false;
	if (q->event_idx)
		WRITE_ONCE(*avail_event(q), q->last_avail);
	else
		WRITE_ONCE(q->used->flags, 0);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (READ_ACQUIRE(q->avail->idx) == q->last_avail)
		return false;
	virtq_refuse_kick(q);
	return true;
}

void virtq_refuse_kick(struct virtq *q)
{
	/* With event indexes silence is the default: the guest kicks only when it passes the index asked for last. */
	if (!q->broken && !q->event_idx)
		WRITE_ONCE(q->used->flags, VRING_USED_F_NO_NOTIFY);
}
