/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Decompression from memory to memory, whatever the kind: kernels' payloads and modules. Archives are read by their own readers. */

#include <stddef.h>

#include "base/err.h"

enum unpack_kind {
	UNPACK_PLAIN, /* none of the others */
	UNPACK_GZIP,
	UNPACK_XZ,
	UNPACK_LZMA, /* .lzma, as the kernel makes it */
	UNPACK_BZIP2,
	UNPACK_ZSTD,
	UNPACK_LZ4, /* the legacy frame, which the kernel uses: magic 0x184c2102, blocks of 8 MiB (lz4_Frame_format.md) */
	UNPACK_LZO, /* recognised, not supported */
};

/* Says by its first bytes how in is compressed. */
enum unpack_kind unpack_kind(const void *in, size_t n);
/* "xz", "zstd", ...; static text. */
const char *unpack_kind_name(enum unpack_kind kind);
/* Decompresses the one stream that in begins with, into memory that the caller frees; bytes behind its end are ignored, but for lz4,
 * which has no end mark. UNPACK_PLAIN gives a copy. ERR_CORRUPT when the stream is damaged, cut, or gives more than max_out bytes. */
MUST int unpack_decompress(const void *in, size_t n, size_t max_out, void **ret, size_t *ret_n, struct err *e);
