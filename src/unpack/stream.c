/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ring of buffers between two threads. Two semaphores (eventfds, so that both sides can also wait for something else) count filled and
 * free buffers; each side touches only buffers it was given by them. The thread takes no signals: those are the caller's. */
#include "unpack/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "unpack/decode.h"

#define RING 16 /* decodes ahead while the caller makes its file system */
#define STACK_BYTES ((size_t)512 << 10) /* musl's default of 128 KiB is close for the decoders */

struct buffer {
	uint8_t *data;
	size_t n; /* 0: the end, or an error */
};

struct unpack_stream {
	struct unpack_source from;
	uint64_t at; /* of from.length */
	_Atomic uint64_t consumed;
	struct buffer ring[RING];
	unsigned head; /* the caller's next buffer */
	bool holding;  /* the caller has ring[head] */
	bool ended;
	int filled_fd, free_fd, stop_fd;
	pthread_t thread;
	bool running;
	struct err error; /* the thread's; read after a buffer of length 0 */
};

/* Waits for events on fd, in the thread; false when the stream is to stop. */
static bool wait_or_stop(struct unpack_stream *s, int fd)
{
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN }, { .fd = s->stop_fd, .events = POLLIN } };

	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
	return !p[1].revents;
}

static int pull(void *arg, void *buf, size_t n, size_t *ret_n, struct err *e)
{
	struct unpack_stream *s = arg;
	bool part = s->from.length > 0;
	ssize_t got;

	if (part && n > s->from.length - s->at)
		n = (size_t)(s->from.length - s->at);
	do {
		if (!part && !wait_or_stop(s, s->from.fd))
			return err_set(e, ERR_CANCELLED, "stopped");
		got = n == 0 ? 0 : part ? pread(s->from.fd, buf, n, (off_t)(s->from.offset + s->at)) : read(s->from.fd, buf, n);
	} while (got < 0 && (errno == EINTR || errno == EAGAIN));
	if (got < 0)
		return err_sys(e, errno, "read the archive");
	if (part && n && got == 0)
		return err_set(e, ERR_CORRUPT, "the archive is truncated: the file ends before this part of it does");
	s->at += (uint64_t)got;
	atomic_fetch_add_explicit(&s->consumed, (uint64_t)got, memory_order_relaxed);
	*ret_n = (size_t)got;
	return 0;
}

static void *run(void *arg)
{
	struct unpack_stream *s = arg;
	struct decoder *d = NULL;
	uint64_t one = 1;
	int r = decoder_new(pull, s, &d, &s->error);

	for (unsigned i = 0;; i = (i + 1) % RING) {
		struct buffer *b = &s->ring[i];
		if (!wait_or_stop(s, s->free_fd) || read(s->free_fd, &one, sizeof(one)) < 0)
			break;
		b->n = 0;
		if (r == 0 && decoder_read(d, b->data, UNPACK_BUFFER_BYTES, &b->n, &s->error) < 0)
			r = -1, b->n = 0;
		size_t n = b->n; /* the buffer is the caller's after the next line */
		if (write(s->filled_fd, &(uint64_t){ 1 }, sizeof(uint64_t)) < 0 || n == 0)
			break;
	}
	decoder_free(d);
	return NULL;
}

static MUST int start_thread(struct unpack_stream *s, struct err *e)
{
	pthread_attr_t attr;
	sigset_t all, old;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int r = pthread_create(&s->thread, &attr, run, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (r)
		return err_sys(e, r, "start the decoding thread");
	s->running = true;
	return 0;
}

int unpack_stream_open(const struct unpack_source *from, struct unpack_stream **ret, struct err *e)
{
	AUTO(unpack_stream_free) struct unpack_stream *s = NEW(struct unpack_stream);

	s->from = *from;
	s->filled_fd = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
	s->free_fd = eventfd(RING, EFD_CLOEXEC | EFD_SEMAPHORE);
	s->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (s->filled_fd < 0 || s->free_fd < 0 || s->stop_fd < 0)
		return err_sys(e, errno, "make an eventfd");
	posix_fadvise(from->fd, (off_t)from->offset, (off_t)from->length, POSIX_FADV_SEQUENTIAL);
	for (int i = 0; i < RING; i++)
		s->ring[i].data = mem_new(UNPACK_BUFFER_BYTES);
	if (start_thread(s, e) < 0)
		return -1;
	*ret = TAKE_PTR(s);
	return 0;
}

int unpack_stream_next(struct unpack_stream *s, const uint8_t **ret, size_t *ret_n, struct err *e)
{
	uint64_t one = 1;

	if (s->holding) {
		s->holding = false;
		s->head = (s->head + 1) % RING;
		if (write(s->free_fd, &one, sizeof(one)) < 0)
			return err_sys(e, errno, "give a buffer back");
	}
	if (!s->ended) {
		if (fd_wait(s->filled_fd, POLLIN, FD_FOREVER, e) < 0)
			return -1;
		if (read(s->filled_fd, &one, sizeof(one)) < 0)
			return err_sys(e, errno, "take a buffer");
		s->holding = s->ring[s->head].n > 0;
		s->ended = !s->holding;
	}
	if (s->ended && s->error.code) {
		*e = s->error;
		return -1;
	}
	*ret = s->ring[s->head].data;
	*ret_n = s->ended ? 0 : s->ring[s->head].n;
	return 0;
}

uint64_t unpack_stream_consumed(const struct unpack_stream *s)
{
	return atomic_load_explicit(&s->consumed, memory_order_relaxed);
}

void unpack_stream_free(struct unpack_stream *s)
{
	if (!s)
		return;
	if (s->running) {
		uint64_t one = 1;
		if (write(s->stop_fd, &one, sizeof(one)) == sizeof(one))
			pthread_join(s->thread, NULL);
	}
	for (int i = 0; i < RING; i++)
		free(s->ring[i].data);
	int fds[] = { s->filled_fd, s->free_fd, s->stop_fd };
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(s);
}
