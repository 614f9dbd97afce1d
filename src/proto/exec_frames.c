/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto/exec_frames.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/fd.h"
#include "base/mem.h"

enum { BUFFER = 2 * (EXEC_HEADER + EXEC_PAYLOAD_MAX) };

uint8_t *exec_decoder_space(struct exec_decoder *d, size_t *ret_n)
{
	if (!d->buf)
		d->buf = mem_resize(NULL, BUFFER, 1);
	/* Moving is cheap when little is left over, and needed when a whole frame might not fit behind it. */
	if (d->start == d->end) {
		d->start = d->end = 0;
	} else if (d->start >= BUFFER / 2) {
		memmove(d->buf, d->buf + d->start, d->end - d->start);
		d->end -= d->start;
		d->start = 0;
	}
	*ret_n = BUFFER - d->end;
	return d->buf + d->end;
}

void exec_decoder_add(struct exec_decoder *d, size_t n)
{
	assert(n <= BUFFER - d->end);
	d->end += n;
}

int exec_decoder_next(struct exec_decoder *d, struct exec_frame *ret, struct err *e)
{
	size_t have = d->end - d->start;

	if (have < EXEC_HEADER)
		return 0;
	const uint8_t *p = d->buf + d->start;
	uint32_t n = p[1] | (uint32_t)p[2] << 8 | (uint32_t)p[3] << 16 | (uint32_t)p[4] << 24;
	if (p[0] >= EXEC_CHANNEL_COUNT)
		return err_set(e, ERR_CORRUPT, "frame for unknown channel %u", p[0]);
	if (n > (p[0] == EXEC_CONTROL ? EXEC_CONTROL_MAX : EXEC_PAYLOAD_MAX))
		return err_set(e, ERR_CORRUPT, "frame of %u bytes on channel %u is too long", n, p[0]);
	if (have < EXEC_HEADER + n)
		return 0;
	*ret = (struct exec_frame){ .channel = (enum exec_channel)p[0], .data = p + EXEC_HEADER, .n = n };
	d->start += EXEC_HEADER + n;
	return 1;
}

bool exec_decoder_pending(const struct exec_decoder *d)
{
	return d->start != d->end;
}

void exec_decoder_done(struct exec_decoder *d)
{
	free(d->buf);
	*d = (struct exec_decoder){ 0 };
}

void exec_frame_header(uint8_t out[static EXEC_HEADER], enum exec_channel channel, size_t n)
{
	out[0] = (uint8_t)channel;
	out[1] = (uint8_t)n;
	out[2] = (uint8_t)(n >> 8);
	out[3] = (uint8_t)(n >> 16);
	out[4] = (uint8_t)(n >> 24);
}

int exec_frame_send(int fd, enum exec_channel channel, const void *data, size_t n, int64_t deadline_ms, struct err *e)
{
	uint8_t header[EXEC_HEADER];
	struct iovec iov[2] = { { header, sizeof(header) }, { (void *)(uintptr_t)data, n } };
	struct iovec *at = iov;
	int left = n ? 2 : 1;

	assert(n <= (channel == EXEC_CONTROL ? EXEC_CONTROL_MAX : EXEC_PAYLOAD_MAX));
	exec_frame_header(header, channel, n);
	while (left) {
		if (deadline_ms != FD_FOREVER && fd_wait(fd, POLLOUT, deadline_ms, e) < 0)
			return -1;
		ssize_t put = writev(fd, at, left);
		if (put < 0 && errno == EAGAIN) {
			if (fd_wait(fd, POLLOUT, deadline_ms, e) < 0)
				return -1;
			continue;
		}
		if (put < 0) {
			if (errno == EINTR)
				continue;
			return err_sys(e, errno, "send");
		}
		while (left && (size_t)put >= at->iov_len) {
			put -= (ssize_t)at->iov_len;
			at++;
			left--;
		}
		if (left) {
			at->iov_base = (char *)at->iov_base + put;
			at->iov_len -= (size_t)put;
		}
	}
	return 0;
}
