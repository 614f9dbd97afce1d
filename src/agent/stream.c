/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/mem.h"

uint8_t *stream_room(struct stream *s, size_t *ret_n)
{
	if (s->at != s->end)
		return NULL;
	if (!s->data)
		s->data = mem_resize(NULL, EXEC_HEADER + EXEC_PAYLOAD_BEST, 1);
	s->at = s->end = 0;
	*ret_n = EXEC_PAYLOAD_BEST;
	return s->data + EXEC_HEADER;
}

void stream_put(struct stream *s, enum exec_channel channel, size_t n)
{
	exec_frame_header(s->data, channel, n);
	s->at = 0;
	s->end = EXEC_HEADER + n;
}

void stream_control(struct stream *s, const struct exec_control *c)
{
	struct str text = STR_INIT;
	uint8_t header[EXEC_HEADER];

	exec_control_encode(c, &text);
	exec_frame_header(header, EXEC_CONTROL, text.len);
	str_add_bytes(&s->control, header, sizeof(header));
	str_add_bytes(&s->control, text.data, text.len);
	str_done(&text);
}

bool stream_pending(const struct stream *s)
{
	return s->at != s->end || s->control.len;
}

/* What went out; 0 when the socket is full. */
static ssize_t put(int fd, const void *p, size_t n)
{
	ssize_t got;

	do
		got = send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	return got < 0 && errno == EAGAIN ? 0 : got;
}

int stream_flush(struct stream *s)
{
	while (stream_pending(s)) {
		/* a frame begun is finished first */
		bool data = s->at != s->end && (s->at > 0 || !s->control.len) && !s->sent;
		ssize_t n = data ? put(s->fd, s->data + s->at, s->end - s->at) :
				   put(s->fd, s->control.data + s->sent, s->control.len - s->sent);
		if (n < 0)
			return -1;
		if (n == 0)
			return 0;
		if (data) {
			s->at += (size_t)n;
		} else {
			s->sent += (size_t)n;
			if (s->sent == s->control.len)
				s->sent = s->control.len = 0;
		}
	}
	return 0;
}

void stream_done(struct stream *s)
{
	free(s->data);
	str_done(&s->control);
	*s = (struct stream){ .fd = -1 };
}
