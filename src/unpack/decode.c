/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gzip, xz and zstd go straight to their libraries into the caller's buffer; bzip2, lz4 frames and lzma, which images rarely come in, take
 * libarchive's filters and cost a copy. */
#include "unpack/decode.h"

#include <errno.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"

#define IN_BYTES ((size_t)256 << 10)
#define XZ_MEMORY ((uint64_t)256 << 20) /* xz -9 needs 65 MiB */
#define ZSTD_WINDOW_LOG 27              /* 128 MiB: all that zstd writes without --long=28 and more */

struct decoder {
	decode_pull_fn pull;
	void *arg;
	uint8_t *in; /* IN_BYTES; at..n are still to be used */
	size_t at, n;
	bool in_end;
	bool done;
	int (*step)(struct decoder *d, uint8_t *out, size_t room, size_t *ret_n, struct err *e);
	z_stream gzip;
	lzma_stream xz;
	ZSTD_DStream *zstd;
	bool zstd_inside; /* a frame has begun and not ended */
	struct archive *filter;
	struct err *pull_error; /* where a callback of libarchive leaves its error */
};

/* Makes sure that there is input unless it has ended. */
static MUST int refill(struct decoder *d, struct err *e)
{
	if (d->at < d->n || d->in_end)
		return 0;
	if (d->pull(d->arg, d->in, IN_BYTES, &d->n, e) < 0)
		return -1;
	d->at = 0;
	d->in_end = d->n == 0;
	return 0;
}

static int cut(const char *what, struct err *e)
{
	return err_set(e, ERR_CORRUPT, "the %s data ends too early: it is truncated", what);
}

static MUST int step_plain(struct decoder *d, uint8_t *out, size_t room, size_t *ret_n, struct err *e)
{
	size_t n = d->n - d->at;

	if (n) {
		n = n < room ? n : room;
		memcpy(out, d->in + d->at, n);
		d->at += n;
	} else if (d->pull(d->arg, out, room, &n, e) < 0) { /* straight into the buffer: no copy after the first bytes */
		return -1;
	}
	d->done = n == 0;
	*ret_n = n;
	return 0;
}

/* Members may follow one another; what follows and is none is padding or garbage, which gzip ignores as well. */
static MUST int gzip_member_end(struct decoder *d, struct err *e)
{
	if (refill(d, e) < 0)
		return -1;
	if (d->n - d->at < 2) /* a boundary right between two reads: two bytes of a header are not worth a buffer of their own */
		d->done = d->in_end || d->in[d->at] != 0x1f;
	else
		d->done = d->in[d->at] != 0x1f || d->in[d->at + 1] != 0x8b;
	if (!d->done)
		inflateReset(&d->gzip);
	return 0;
}

static MUST int step_gzip(struct decoder *d, uint8_t *out, size_t room, size_t *ret_n, struct err *e)
{
	d->gzip.next_in = d->in + d->at;
	d->gzip.avail_in = (uInt)(d->n - d->at);
	d->gzip.next_out = out;
	d->gzip.avail_out = (uInt)room;
	int r = inflate(&d->gzip, Z_NO_FLUSH);
	d->at = d->n - d->gzip.avail_in;
	*ret_n = room - d->gzip.avail_out;
	if (r == Z_STREAM_END)
		return gzip_member_end(d, e);
	if (r == Z_BUF_ERROR && d->in_end)
		return cut("gzip", e);
	if (r != Z_OK && r != Z_BUF_ERROR)
		return err_set(e, ERR_CORRUPT, "the gzip data is damaged: %s", d->gzip.msg ? d->gzip.msg : "no reason given");
	return 0;
}

static MUST int step_xz(struct decoder *d, uint8_t *out, size_t room, size_t *ret_n, struct err *e)
{
	d->xz.next_in = d->in + d->at;
	d->xz.avail_in = d->n - d->at;
	d->xz.next_out = out;
	d->xz.avail_out = room;
	lzma_ret r = lzma_code(&d->xz, d->in_end ? LZMA_FINISH : LZMA_RUN);
	d->at = d->n - d->xz.avail_in;
	*ret_n = room - d->xz.avail_out;
	d->done = r == LZMA_STREAM_END;
	if (r == LZMA_BUF_ERROR && d->in_end)
		return cut("xz", e);
	if (r == LZMA_MEMLIMIT_ERROR)
		return err_set(e, ERR_INVALID, "the xz data needs more than %llu MiB of memory", (unsigned long long)(XZ_MEMORY >> 20));
	if (r != LZMA_OK && r != LZMA_BUF_ERROR && r != LZMA_STREAM_END)
		return err_set(e, ERR_CORRUPT, "the xz data is damaged (%d)", (int)r);
	return 0;
}

static MUST int step_zstd(struct decoder *d, uint8_t *out, size_t room, size_t *ret_n, struct err *e)
{
	ZSTD_inBuffer in = { d->in, d->n, d->at };
	ZSTD_outBuffer to = { out, room, 0 };

	if (d->in_end && !d->zstd_inside) {
		d->done = true;
		*ret_n = 0;
		return 0;
	}
	size_t r = ZSTD_decompressStream(d->zstd, &to, &in);
	if (ZSTD_isError(r))
		return err_set(e, ERR_CORRUPT, "the zstd data is damaged: %s", ZSTD_getErrorName(r));
	d->at = in.pos;
	d->zstd_inside = r != 0;
	*ret_n = to.pos;
	if (d->in_end && r && to.pos < room)
		return cut("zstd", e);
	return 0;
}

static la_ssize_t filter_pull(struct archive *a, void *arg, const void **ret)
{
	struct decoder *d = arg;
	struct err *e = d->pull_error;

	if (refill(d, e) < 0) {
		archive_set_error(a, EIO, "read error");
		return ARCHIVE_FATAL;
	}
	*ret = d->in + d->at;
	la_ssize_t n = (la_ssize_t)(d->n - d->at);
	d->at = d->n;
	return n;
}

static int filter_fail(struct decoder *d, struct err *e)
{
	const char *why = archive_error_string(d->filter);

	if (e->code) /* the source's own */
		return -1;
	return err_set(e, ERR_CORRUPT, "the compressed data is damaged or truncated: %s", why ? why : "no reason given");
}

static MUST int step_filter(struct decoder *d, uint8_t *out, size_t room, size_t *ret_n, struct err *e)
{
	d->pull_error = e;
	la_ssize_t n = archive_read_data(d->filter, out, room);
	if (n < 0)
		return filter_fail(d, e);
	d->done = n == 0;
	*ret_n = (size_t)n;
	return 0;
}

static MUST int start_filter(struct decoder *d, enum unpack_kind kind, struct err *e)
{
	struct archive_entry *entry;

	d->filter = archive_read_new();
	d->step = step_filter;
	d->pull_error = e;
	int r = kind == UNPACK_BZIP2 ? archive_read_support_filter_bzip2(d->filter) : kind == UNPACK_LZMA ? archive_read_support_filter_lzma(d->filter) :
													   archive_read_support_filter_lz4(d->filter);
	if (r == ARCHIVE_OK)
		r = archive_read_support_format_raw(d->filter);
	if (r == ARCHIVE_OK)
		r = archive_read_open(d->filter, d, NULL, filter_pull, NULL);
	if (r == ARCHIVE_OK)
		r = archive_read_next_header(d->filter, &entry);
	if (r == ARCHIVE_EOF) { /* nothing compressed is nothing, which raw does not call an entry */
		d->done = true;
		return 0;
	}
	return r == ARCHIVE_OK ? 0 : filter_fail(d, e);
}

static MUST int start(struct decoder *d, enum unpack_kind kind, struct err *e)
{
	static const uint8_t lz4_frame[4] = { 0x04, 0x22, 0x4d, 0x18 };
	bool ok = true;

	switch (kind) {
	case UNPACK_GZIP:
		d->step = step_gzip;
		ok = inflateInit2(&d->gzip, 15 + 16) == Z_OK;
		break;
	case UNPACK_XZ:
		d->step = step_xz;
		ok = lzma_stream_decoder(&d->xz, XZ_MEMORY, LZMA_CONCATENATED) == LZMA_OK;
		break;
	case UNPACK_ZSTD:
		d->step = step_zstd;
		d->zstd = ZSTD_createDStream();
		ok = d->zstd && !ZSTD_isError(ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG));
		break;
	case UNPACK_BZIP2:
	case UNPACK_LZMA:
	case UNPACK_LZ4:
		return start_filter(d, kind, e);
	case UNPACK_LZO:
		return err_set(e, ERR_INVALID, "lzop compression is not supported");
	case UNPACK_PLAIN:
		if (d->n >= 4 && !memcmp(d->in, lz4_frame, 4))
			return start_filter(d, UNPACK_LZ4, e);
		d->step = step_plain;
		break;
	}
	return ok ? 0 : err_set(e, ERR_INTERNAL, "the %s library cannot start", unpack_kind_name(kind));
}

int decoder_new(decode_pull_fn pull, void *arg, struct decoder **ret, struct err *e)
{
	AUTO(decoder_free) struct decoder *d = NEW(struct decoder);
	size_t got = 1;

	d->pull = pull;
	d->arg = arg;
	d->in = mem_new(IN_BYTES);
	while (d->n < 512 && got) { /* a pipe may give the first bytes one by one */
		if (pull(arg, d->in + d->n, IN_BYTES - d->n, &got, e) < 0)
			return -1;
		d->n += got;
	}
	d->in_end = d->n == 0;
	if (start(d, unpack_kind(d->in, d->n), e) < 0)
		return -1;
	*ret = TAKE_PTR(d);
	return 0;
}

int decoder_read(struct decoder *d, void *buf, size_t n, size_t *ret_n, struct err *e)
{
	size_t done = 0, got;

	while (done < n && !d->done) {
		if (d->step != step_plain && d->step != step_filter && refill(d, e) < 0)
			return -1;
		got = 0;
		if (d->step(d, (uint8_t *)buf + done, n - done, &got, e) < 0)
			return -1;
		done += got;
	}
	*ret_n = done;
	return 0;
}

void decoder_free(struct decoder *d)
{
	if (!d)
		return;
	if (d->step == step_gzip)
		inflateEnd(&d->gzip);
	if (d->step == step_xz)
		lzma_end(&d->xz);
	ZSTD_freeDStream(d->zstd);
	if (d->filter)
		archive_read_free(d->filter);
	free(d->in);
	free(d);
}
