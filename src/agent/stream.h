/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The sending half of a session's connection: whole frames in turn, nothing lost when the other end is slow, control before data. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "proto/exec_frames.h"

/* data holds one frame of output at a time, from at to end; control any number, sent bytes of which are out. */
struct stream {
	int fd; /* non-blocking; the caller's */
	uint8_t *data;
	size_t at, end;
	struct str control;
	size_t sent;
};

/* Room for a frame's payload, or NULL while the frame before it is not out. */
uint8_t *stream_room(struct stream *s, size_t *ret_n);
/* n bytes were put there; 0 is the channel's end. */
void stream_put(struct stream *s, enum exec_channel channel, size_t n);
void stream_control(struct stream *s, const struct exec_control *c);
/* Something waits to be sent. */
bool stream_pending(const struct stream *s);
/* Sends what the socket takes. -1: the connection is lost. */
int stream_flush(struct stream *s);
void stream_done(struct stream *s);
