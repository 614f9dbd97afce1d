/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The byte stream on an Exec connection after the upgrade, both ways: frames of u8 channel, u32 little-endian payload length, payload.
 * A frame of length 0 says that its channel has ended. Who may send what:
 *   host to guest: EXEC_IN (never more bytes than credited so far), EXEC_CONTROL with resize or signal
 *   guest to host: EXEC_OUT, EXEC_ERR (none with a terminal), EXEC_CONTROL with credit, and last exit or error
 * Order at the end: all output, the ends of EXEC_OUT and EXEC_ERR, then exit or error;
 * then the host closes (the guest does ten seconds later). The payload of EXEC_CONTROL is one
 * JSON object with one member:
 *   {"credit":65536}                                     that many more bytes of stdin are welcome; the guest begins with one
 *   {"resize":{"rows":24,"columns":80}}                  the terminal's new size
 *   {"signal":"INT"}                                     to the command's process group (a terminal's foreground group)
 *   {"exit":{"status":0}}                                the command's own exit status, 0 to 255
 *   {"exit":{"status":127,"message":"..."}}              it could not be executed: 127 not found, 126 not executable
 *   {"exit":{"signal":"KILL"}}                           the signal that ended it
 *   {"error":{"message":"..."}}                          the guest's side failed in another way
 * Members not known are ignored. Losing the connection is SIGHUP to the command's group, ten seconds later SIGKILL. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum exec_channel { EXEC_IN, EXEC_OUT, EXEC_ERR, EXEC_CONTROL, EXEC_CHANNEL_COUNT };

#define EXEC_HEADER 5           /* bytes in front of each payload */
#define EXEC_PAYLOAD_MAX 65536  /* of any channel but control */
#define EXEC_PAYLOAD_BEST (EXEC_PAYLOAD_MAX - EXEC_HEADER) /* with its header one whole vsock packet: what bulk senders use */
#define EXEC_CONTROL_MAX 4096   /* of control */
#define EXEC_WINDOW (256 * 1024) /* credit that the guest begins with */

/* A whole frame; data points into the decoder and holds until exec_decoder_space is called. n is 0 at a channel's end. */
struct exec_frame {
	enum exec_channel channel;
	const uint8_t *data;
	size_t n;
};

/* Takes a stream in whatever pieces it comes:
 *   p = exec_decoder_space(&d, &n); got = read(fd, p, n); exec_decoder_add(&d, got);
 *   while ((rc = exec_decoder_next(&d, &frame, e)) > 0) ...
 * All zero is a fresh one; its buffer (2 * (header + payload)) comes with the first use. */
struct exec_decoder {
	uint8_t *buf;
	size_t start, end; /* what is not yet decoded */
};

/* Room for the next bytes, never none after exec_decoder_next has returned 0. */
uint8_t *exec_decoder_space(struct exec_decoder *d, size_t *ret_n);
/* n bytes have been put there. */
void exec_decoder_add(struct exec_decoder *d, size_t n);
/* 1: *ret is the next frame; 0: more bytes are needed; -1: ERR_CORRUPT, an unknown channel or a length above its limit. */
MUST int exec_decoder_next(struct exec_decoder *d, struct exec_frame *ret, struct err *e);
/* Whether the stream stops in the middle of a frame. */
bool exec_decoder_pending(const struct exec_decoder *d);
void exec_decoder_done(struct exec_decoder *d);

/* Writes the five bytes in front of a payload of n. */
void exec_frame_header(uint8_t out[static EXEC_HEADER], enum exec_channel channel, size_t n);
/* Sends one whole frame, header and payload by one writev as a rule; blocking or non-blocking fd. n is within the channel's limit.
 * The caller ignores SIGPIPE. */
MUST int exec_frame_send(int fd, enum exec_channel channel, const void *data, size_t n, int64_t deadline_ms, struct err *e);

enum exec_control_kind {
	EXEC_CONTROL_OTHER, /* not known here: to be ignored */
	EXEC_CONTROL_CREDIT,
	EXEC_CONTROL_RESIZE,
	EXEC_CONTROL_SIGNAL,
	EXEC_CONTROL_EXIT,
	EXEC_CONTROL_ERROR,
};

#define EXEC_MESSAGE_MAX 400 /* even if JSON escapes each character it fits into EXEC_CONTROL_MAX */

struct exec_control {
	enum exec_control_kind kind;
	uint32_t credit;                /* credit: bytes, at least 1 */
	uint16_t rows, columns;         /* resize */
	int signal;                     /* signal, exit: its number; 0 in an exit with a status */
	int status;                     /* exit: 0 to 255 */
	char message[EXEC_MESSAGE_MAX]; /* exit, error: why it was not executed, or "" */
};

/* Reads a control payload. ERR_CORRUPT for what is not JSON or a known member out of its range. */
MUST int exec_control_decode(const void *data, size_t n, struct exec_control *ret, struct err *e);
/* Appends the JSON of c, kind OTHER excepted; at most EXEC_CONTROL_MAX bytes. */
void exec_control_encode(const struct exec_control *c, struct str *out);
/* Encodes and sends. */
MUST int exec_control_send(int fd, const struct exec_control *c, int64_t deadline_ms, struct err *e);
