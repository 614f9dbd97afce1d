/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages of a hostile VMM. Input: one after the other: request, flags, number of descriptors (1 byte each), size (2 bytes), payload. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vsock/vhost_user.h"

enum { HEAD = 5, FDS = 10, MEMORY_BYTES = 0x10000, SET_MEM_TABLE = 5 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int some_fd(uint32_t request)
{
	int fd;

	if (request != SET_MEM_TABLE)
		return eventfd(0, EFD_CLOEXEC);
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, MEMORY_BYTES) < 0)
		abort();
	return fd;
}

struct session {
	struct loop *loop;
	struct vhost_user *v;
	int vmm; /* our end */
	bool ended;
};

static void on_work(void *arg)
{
	struct session *s = arg;
	struct virtq_chain c;
	struct err e = { 0 };
	bool any = false;

	for (int i = 0; i < VHOST_RINGS; i++) {
		struct virtq *q = vhost_user_ring(s->v, i);
		if (q && virtq_pop(q, &c, &any, &e) == 0 && any)
			virtq_push(q, c.head, 0);
		vhost_user_tell(s->v, i);
		e = (struct err){ 0 };
	}
}

static void on_restart(void *arg)
{
}

static void on_ended(void *arg, const struct err *e)
{
	struct session *s = arg;

	s->ended = true;
}

static void enough(struct loop *l, void *arg)
{
	loop_stop(l);
}

static void turn(struct session *s)
{
	struct err e = { 0 };

	loop_defer(s->loop, enough, NULL);
	if (loop_run(s->loop, &e) < 0)
		abort();
}

/* Sends the message as QEMU does, kicks what it brought, and takes the answer. */
static void exchange(struct session *s, struct vhost_user_msg *m, size_t n_fds)
{
	uint64_t one = 1;
	int fds[FDS];
	char answer[1024];

	for (size_t i = 0; i < n_fds; i++)
		fds[i] = some_fd(m->request);
	if (fd_send_msg(s->vmm, m, 12 + m->size, fds, n_fds) < 0)
		abort();
	turn(s);
	for (size_t i = 0; i < n_fds; i++) {
		if (m->request != SET_MEM_TABLE && write(fds[i], &one, sizeof(one)) < 0)
			abort();
		close(fds[i]);
	}
	if (!s->ended)
		turn(s);
	while (recv(s->vmm, answer, sizeof(answer), MSG_DONTWAIT) > 0)
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vhost_user_ops ops = { on_work, on_restart, on_ended };
	struct session s = { 0 };
	struct err e = { 0 };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 || loop_new(&s.loop, &e) < 0 ||
	    vhost_user_new(s.loop, pair[1], 7, &ops, &s, &s.v, &e) < 0)
		abort();
	s.vmm = pair[0];
	while (size >= HEAD && !s.ended) {
		struct vhost_user_msg m = { .request = data[0], .flags = data[1], .size = data[3] | (uint32_t)data[4] << 8 };
		size_t n = data[2] % FDS, part;
		data += HEAD;
		size -= HEAD;
		if (m.size > VHOST_USER_PAYLOAD_MAX)
			m.size = VHOST_USER_PAYLOAD_MAX;
		part = m.size < size ? m.size : size;
		memcpy(m.payload, data, part);
		data += part;
		size -= part;
		exchange(&s, &m, n);
	}
	close(pair[0]);
	if (!s.ended)
		turn(&s);
	vhost_user_free(s.v);
	loop_free(s.loop);
	close(pair[1]);
	return 0;
}
