/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A file or pipe as its decompressed bytes: gzip, xz, lzma, zstd, lz4, bzip2 or plain, told by the first bytes. Reading and decoding run
 * in a second thread, ahead of the caller by up to 16 buffers of 1 MiB; memory is bounded whatever the input claims. */

#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"

#define UNPACK_BUFFER_BYTES ((size_t)1 << 20)

/* Where the bytes come from. The descriptor stays the caller's and must stay open. */
struct unpack_source {
	int fd;
	uint64_t offset, length; /* with length: that part of a seekable file (pread); length 0: all that read() gives */
};

struct unpack_stream;

/* Starts the thread. ERR_INVALID for a compression that is known but not supported. */
MUST int unpack_stream_open(const struct unpack_source *from, struct unpack_stream **ret, struct err *e);
/* The next bytes, *ret_n of them, valid until the next call; 0 at the end. ERR_CORRUPT for damaged or cut input, ERR_CANCELLED when the
 * process is. After an error the stream can only be freed. */
MUST int unpack_stream_next(struct unpack_stream *s, const uint8_t **ret, size_t *ret_n, struct err *e);
/* Bytes of input read so far, for progress. */
uint64_t unpack_stream_consumed(const struct unpack_stream *s);
/* Stops the thread. NULL is fine. */
void unpack_stream_free(struct unpack_stream *s);
AUTO_DEFINE(struct unpack_stream, unpack_stream_free);
