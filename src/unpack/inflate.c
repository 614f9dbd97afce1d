/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One loop for each library; all write into a buffer that doubles up to the caller's bound, so that a small bomb costs the bound at most. */
#include "unpack/inflate.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "base/auto.h"
#include "base/mem.h"

#define FIRST_OUT ((size_t)64 << 10)
#define LZMA_MEMORY ((uint64_t)256 << 20) /* dictionaries up to xz -9e's need 65 MiB */
#define ZSTD_WINDOW_LOG 27                /* 128 MiB, what zstd --ultra -22 --long and the kernel's own limit stay within */
#define LZ4_MAGIC 0x184c2102u
#define LZ4_BLOCK ((size_t)8 << 20)
#define PIECE ((size_t)1 << 30) /* what one call of a library with 32-bit counters is given */

struct sink {
	uint8_t *data;
	size_t n, cap, max; /* max is one byte more than the caller allows, so that an end right at the bound is still seen */
};

static const struct {
	enum unpack_kind kind;
	uint8_t n;
	const char *magic;
	const char *name;
} KINDS[] = {
	{ UNPACK_GZIP, 3, "\x1f\x8b\x08", "gzip" },
	{ UNPACK_XZ, 6, "\xfd" "7zXZ\0", "xz" },
	{ UNPACK_LZMA, 3, "\x5d\0\0", "lzma" },
	{ UNPACK_BZIP2, 3, "BZh", "bzip2" },
	{ UNPACK_ZSTD, 4, "\x28\xb5\x2f\xfd", "zstd" },
	{ UNPACK_LZ4, 4, "\x02\x21\x4c\x18", "lz4" },
	{ UNPACK_LZO, 4, "\x89LZO", "lzo" },
};

enum unpack_kind unpack_kind(const void *in, size_t n)
{
	for (size_t i = 0; i < ARRAY_LEN(KINDS); i++)
		if (n >= KINDS[i].n && !memcmp(in, KINDS[i].magic, KINDS[i].n))
			return KINDS[i].kind;
	return UNPACK_PLAIN;
}

const char *unpack_kind_name(enum unpack_kind kind)
{
	for (size_t i = 0; i < ARRAY_LEN(KINDS); i++)
		if (KINDS[i].kind == kind)
			return KINDS[i].name;
	return "plain";
}

static int too_large(const struct sink *s, struct err *e)
{
	return err_set(e, ERR_CORRUPT, "decompressed data exceeds %zu bytes", s->max - 1);
}

/* Makes room for at least one byte more. */
static MUST int sink_room(struct sink *s, struct err *e)
{
	if (s->n < s->cap)
		return 0;
	if (s->cap == s->max)
		return too_large(s, e);
	s->cap = s->cap > s->max / 2 ? s->max : s->cap ? s->cap * 2 : s->max < FIRST_OUT ? s->max : FIRST_OUT;
	s->data = mem_resize(s->data, s->cap, 1);
	return 0;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int damaged(enum unpack_kind kind, struct err *e)
{
	return err_set(e, ERR_CORRUPT, "damaged %s data", unpack_kind_name(kind));
}

static int cut_short(enum unpack_kind kind, struct err *e)
{
	return err_set(e, ERR_CORRUPT, "truncated %s data", unpack_kind_name(kind));
}

static MUST int run_zlib(const uint8_t *in, size_t n, struct sink *out, struct err *e)
{
	z_stream z = { 0 };
	size_t at = 0;
	int r = Z_OK;

	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return err_set(e, ERR_INTERNAL, "zlib cannot start");
	while (r != Z_STREAM_END) {
		if (sink_room(out, e) < 0)
			break;
		size_t give = min_size(n - at, PIECE), room = min_size(out->cap - out->n, PIECE);
		z.next_in = (z_const Bytef *)(uintptr_t)(in + at);
		z.avail_in = (uInt)give;
		z.next_out = out->data + out->n;
		z.avail_out = (uInt)room;
		r = inflate(&z, Z_NO_FLUSH);
		at += give - z.avail_in;
		out->n += room - z.avail_out;
		if (r != Z_OK && r != Z_STREAM_END) {
			if (r == Z_BUF_ERROR)
				cut_short(UNPACK_GZIP, e);
			else
				damaged(UNPACK_GZIP, e);
			break;
		}
	}
	inflateEnd(&z);
	return r == Z_STREAM_END ? 0 : -1;
}

static MUST int run_lzma(enum unpack_kind kind, const uint8_t *in, size_t n, struct sink *out, struct err *e)
{
	lzma_stream z = LZMA_STREAM_INIT;
	lzma_ret r = kind == UNPACK_XZ ? lzma_stream_decoder(&z, LZMA_MEMORY, 0) : lzma_alone_decoder(&z, LZMA_MEMORY);

	if (r != LZMA_OK)
		return err_set(e, ERR_INTERNAL, "liblzma cannot start");
	z.next_in = in;
	z.avail_in = n;
	while (r != LZMA_STREAM_END) {
		if (sink_room(out, e) < 0)
			break;
		size_t room = out->cap - out->n;
		z.next_out = out->data + out->n;
		z.avail_out = room;
		r = lzma_code(&z, LZMA_RUN);
		out->n += room - z.avail_out;
		if (r != LZMA_OK && r != LZMA_STREAM_END) {
			if (r == LZMA_BUF_ERROR)
				cut_short(kind, e);
			else if (r == LZMA_MEMLIMIT_ERROR)
				err_set(e, ERR_CORRUPT, "%s data asks for too much memory", unpack_kind_name(kind));
			else
				damaged(kind, e);
			break;
		}
	}
	lzma_end(&z);
	return r == LZMA_STREAM_END ? 0 : -1;
}

static MUST int run_bzip2(const uint8_t *in, size_t n, struct sink *out, struct err *e)
{
	bz_stream z = { 0 };
	size_t at = 0;
	int r = BZ_OK;

	if (BZ2_bzDecompressInit(&z, 0, 0) != BZ_OK)
		return err_set(e, ERR_INTERNAL, "bzip2 cannot start");
	while (r != BZ_STREAM_END) {
		if (sink_room(out, e) < 0)
			break;
		size_t give = min_size(n - at, PIECE), room = min_size(out->cap - out->n, PIECE);
		z.next_in = (char *)(uintptr_t)(in + at);
		z.avail_in = (unsigned)give;
		z.next_out = (char *)out->data + out->n;
		z.avail_out = (unsigned)room;
		r = BZ2_bzDecompress(&z);
		at += give - z.avail_in;
		out->n += room - z.avail_out;
		if (r != BZ_OK && r != BZ_STREAM_END) {
			damaged(UNPACK_BZIP2, e);
			break;
		}
		if (r == BZ_OK && at == n && z.avail_out) {
			cut_short(UNPACK_BZIP2, e);
			break;
		}
	}
	BZ2_bzDecompressEnd(&z);
	return r == BZ_STREAM_END ? 0 : -1;
}

static MUST int run_zstd(const uint8_t *in, size_t n, struct sink *out, struct err *e)
{
	ZSTD_DStream *z = ZSTD_createDStream();
	ZSTD_inBuffer from = { in, n, 0 };
	size_t r = 1;

	if (!z)
		return err_set(e, ERR_INTERNAL, "zstd cannot start");
	ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
	while (r) {
		if (sink_room(out, e) < 0)
			break;
		ZSTD_outBuffer to = { out->data, out->cap, out->n };
		r = ZSTD_decompressStream(z, &to, &from);
		out->n = to.pos;
		if (ZSTD_isError(r)) {
			damaged(UNPACK_ZSTD, e);
			break;
		}
		if (r && from.pos == n && to.pos < to.size) {
			cut_short(UNPACK_ZSTD, e);
			break;
		}
	}
	ZSTD_freeDStream(z);
	return r ? -1 : 0;
}

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static MUST int run_lz4(const uint8_t *in, size_t n, struct sink *out, struct err *e)
{
	AUTO_MEM uint8_t *block = mem_new(LZ4_BLOCK);
	size_t at = 4;

	while (at < n) {
		if (n - at < 4)
			return cut_short(UNPACK_LZ4, e);
		uint32_t size = le32(in + at);
		at += 4;
		if (size == LZ4_MAGIC) /* streams may follow one another */
			continue;
		if (size > (uint32_t)LZ4_compressBound((int)LZ4_BLOCK))
			return damaged(UNPACK_LZ4, e);
		if (size > n - at)
			return cut_short(UNPACK_LZ4, e);
		int got = LZ4_decompress_safe((const char *)in + at, (char *)block, (int)size, (int)LZ4_BLOCK);
		if (got < 0)
			return damaged(UNPACK_LZ4, e);
		at += size;
		for (size_t done = 0; done < (size_t)got;) {
			if (sink_room(out, e) < 0)
				return -1;
			size_t k = min_size((size_t)got - done, out->cap - out->n);
			memcpy(out->data + out->n, block + done, k);
			out->n += k;
			done += k;
		}
	}
	return 0;
}

static MUST int run_plain(const uint8_t *in, size_t n, struct sink *out, struct err *e)
{
	if (n >= out->max)
		return too_large(out, e);
	out->data = mem_dup(in, n);
	out->n = n;
	return 0;
}

static MUST int run(enum unpack_kind kind, const uint8_t *in, size_t n, struct sink *out, struct err *e)
{
	switch (kind) {
	case UNPACK_GZIP:
		return run_zlib(in, n, out, e);
	case UNPACK_XZ:
	case UNPACK_LZMA:
		return run_lzma(kind, in, n, out, e);
	case UNPACK_BZIP2:
		return run_bzip2(in, n, out, e);
	case UNPACK_ZSTD:
		return run_zstd(in, n, out, e);
	case UNPACK_LZ4:
		return run_lz4(in, n, out, e);
	case UNPACK_LZO:
		return err_set(e, ERR_UNAVAILABLE, "lzo compression is not supported");
	case UNPACK_PLAIN:
		break;
	}
	return run_plain(in, n, out, e);
}

int unpack_decompress(const void *in, size_t n, size_t max_out, void **ret, size_t *ret_n, struct err *e)
{
	struct sink out = { .max = max_out + 1 };
	int r = run(unpack_kind(in, n), in, n, &out, e);

	if (r == 0 && out.n > max_out)
		r = too_large(&out, e);
	if (r < 0) {
		free(out.data);
		return -1;
	}
	*ret = out.data ? out.data : mem_new(1);
	*ret_n = out.n;
	return 0;
}
