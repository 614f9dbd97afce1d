/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* SHA-256 (FIPS 180-4), streaming. Uses the CPU's SHA instructions where it has them. */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define DIGEST_BYTES 32
#define DIGEST_HEX_SIZE 65 /* 64 digits and the NUL */

struct digest {
	uint32_t state[8];
	uint64_t n_bytes;
	uint8_t block[64]; /* the unfinished block: n_bytes % 64 bytes of it count */
};

void digest_init(struct digest *d);
void digest_update(struct digest *d, const void *data, size_t n);
/* Writes the digest; d needs digest_init before it is used again. */
void digest_final(struct digest *d, uint8_t out[static DIGEST_BYTES]);
/* Lower-case hexadecimal of a digest. Returns out. */
const char *digest_hex(const uint8_t sum[static DIGEST_BYTES], char out[static DIGEST_HEX_SIZE]);
/* Digest of a buffer, in hexadecimal. Returns out. */
const char *digest_buffer(const void *data, size_t n, char out[static DIGEST_HEX_SIZE]);
/* Digest of what is left of fd from its offset to its end. ERR_CANCELLED once proc_cancelled(). */
MUST int digest_fd(int fd, uint8_t ret_sum[static DIGEST_BYTES], struct err *e);
/* Digest of a whole file in hexadecimal. */
MUST int digest_file(const char *path, char ret_hex[static DIGEST_HEX_SIZE], struct err *e);

/* For tests and the benchmark: whether this CPU's SHA instructions are in use, and a switch to the portable code. */
int digest_accelerated(void);
void digest_force_portable(int on);
