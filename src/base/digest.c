/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/proc.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#define HAVE_SHA_NI 1
#else
#define HAVE_SHA_NI 0
#endif

#define READ_SIZE (256 * 1024)

typedef void (*compress_fn)(uint32_t state[8], const uint8_t *data, size_t n_blocks);

static const uint32_t K[64] __attribute__((aligned(16))) = {
	0x428a2f98,
	0x71374491,
	0xb5c0fbcf,
	0xe9b5dba5,
	0x3956c25b,
	0x59f111f1,
	0x923f82a4,
	0xab1c5ed5,
	0xd807aa98,
	0x12835b01,
	0x243185be,
	0x550c7dc3,
	0x72be5d74,
	0x80deb1fe,
	0x9bdc06a7,
	0xc19bf174,
	0xe49b69c1,
	0xefbe4786,
	0x0fc19dc6,
	0x240ca1cc,
	0x2de92c6f,
	0x4a7484aa,
	0x5cb0a9dc,
	0x76f988da,
	0x983e5152,
	0xa831c66d,
	0xb00327c8,
	0xbf597fc7,
	0xc6e00bf3,
	0xd5a79147,
	0x06ca6351,
	0x14292967,
	0x27b70a85,
	0x2e1b2138,
	0x4d2c6dfc,
	0x53380d13,
	0x650a7354,
	0x766a0abb,
	0x81c2c92e,
	0x92722c85,
	0xa2bfe8a1,
	0xa81a664b,
	0xc24b8b70,
	0xc76c51a3,
	0xd192e819,
	0xd6990624,
	0xf40e3585,
	0x106aa070,
	0x19a4c116,
	0x1e376c08,
	0x2748774c,
	0x34b0bcb5,
	0x391c0cb3,
	0x4ed8aa4a,
	0x5b9cca4f,
	0x682e6ff3,
	0x748f82ee,
	0x78a5636f,
	0x84c87814,
	0x8cc70208,
	0x90befffa,
	0xa4506ceb,
	0xbef9a3f7,
	0xc67178f2,
};

static int portable_forced;

static inline uint32_t rotr(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

static uint32_t load_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void schedule(uint32_t w[64], const uint8_t *block)
{
	for (int i = 0; i < 16; i++)
		w[i] = load_be32(block + 4 * i);
	for (int i = 16; i < 64; i++) {
		uint32_t s0 = rotr(w[i - 15], 7) ^ rotr(w[i - 15], 18) ^ w[i - 15] >> 3;
		uint32_t s1 = rotr(w[i - 2], 17) ^ rotr(w[i - 2], 19) ^ w[i - 2] >> 10;

		w[i] = w[i - 16] + s0 + w[i - 7] + s1;
	}
}

static void compress_portable(uint32_t state[8], const uint8_t *data, size_t n_blocks)
{
	for (; n_blocks; n_blocks--, data += 64) {
		uint32_t w[64], v[8];

		schedule(w, data);
		memcpy(v, state, sizeof(v));
		for (int i = 0; i < 64; i++) {
			uint32_t s1 = rotr(v[4], 6) ^ rotr(v[4], 11) ^ rotr(v[4], 25);
			uint32_t t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + K[i] + w[i];
			uint32_t s0 = rotr(v[0], 2) ^ rotr(v[0], 13) ^ rotr(v[0], 22);
			uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));

			memmove(v + 1, v, 7 * sizeof(v[0]));
			v[4] += t1;
			v[0] = t1 + t2;
		}
		for (int i = 0; i < 8; i++)
			state[i] += v[i];
	}
}

#if HAVE_SHA_NI
/* Four rounds with the schedule words in m. The instruction keeps the state as two vectors, ABEF and CDGH. */
#define ROUNDS4(i, m)                                                                                                  \
	do {                                                                                                           \
		__m128i wk = _mm_add_epi32(m, _mm_load_si128((const __m128i *)(const void *)&K[4 * (i)]));             \
		cdgh = _mm_sha256rnds2_epu32(cdgh, abef, wk);                                                          \
		abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(wk, 0x0e));                                 \
	} while (0)

__attribute__((target("sha,sse4.1,ssse3"))) static void compress_sha_ni(
	uint32_t state[8], const uint8_t *data, size_t n_blocks)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
	__m128i lo = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)state), 0xb1);
	__m128i hi = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)(state + 4)), 0x1b);
	__m128i abef = _mm_alignr_epi8(lo, hi, 8);
	__m128i cdgh = _mm_blend_epi16(hi, lo, 0xf0);

	for (; n_blocks; n_blocks--, data += 64) {
		const __m128i abef_in = abef, cdgh_in = cdgh;
		__m128i m[4];

		for (int i = 0; i < 4; i++) {
			m[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(data + 16 * i)), swap);
			ROUNDS4(i, m[i]);
		}
#pragma GCC unroll 12
		for (int i = 4; i < 16; i++) {
			__m128i w7 = _mm_alignr_epi8(m[(i + 3) & 3], m[(i + 2) & 3], 4);
			__m128i next = _mm_add_epi32(_mm_sha256msg1_epu32(m[i & 3], m[(i + 1) & 3]), w7);

			m[i & 3] = _mm_sha256msg2_epu32(next, m[(i + 3) & 3]);
			ROUNDS4(i, m[i & 3]);
		}
		abef = _mm_add_epi32(abef, abef_in);
		cdgh = _mm_add_epi32(cdgh, cdgh_in);
	}
	lo = _mm_shuffle_epi32(abef, 0x1b);
	hi = _mm_shuffle_epi32(cdgh, 0xb1);
	_mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(lo, hi, 0xf0));
	_mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(hi, lo, 8));
}

/* CPUID leaf 7 EBX bit 29 is SHA; leaf 1 ECX bits 9 and 19 are SSSE3 and SSE4.1, which the code above uses too. */
static int cpu_has_sha(void)
{
	unsigned int a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1u << 9) || !(c & 1u << 19))
		return 0;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & 1u << 29;
}
#endif

static compress_fn compress(void)
{
#if HAVE_SHA_NI
	static int known; /* 0 not asked yet, 1 no, 2 yes */

	if (!known)
		known = cpu_has_sha() ? 2 : 1;
	if (known == 2 && !portable_forced)
		return compress_sha_ni;
#endif
	return compress_portable;
}

int digest_accelerated(void)
{
	return compress() != compress_portable;
}

void digest_force_portable(int on)
{
	portable_forced = on;
}

void digest_init(struct digest *d)
{
	static const uint32_t start[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
		0x1f83d9ab, 0x5be0cd19 };

	memcpy(d->state, start, sizeof(start));
	d->n_bytes = 0;
}

void digest_update(struct digest *d, const void *data, size_t n)
{
	size_t have = d->n_bytes % sizeof(d->block);
	const uint8_t *p = data;

	if (!n)
		return;
	d->n_bytes += n;
	if (have) {
		size_t take = sizeof(d->block) - have < n ? sizeof(d->block) - have : n;

		memcpy(d->block + have, p, take);
		p += take;
		n -= take;
		if (have + take < sizeof(d->block))
			return;
		compress()(d->state, d->block, 1);
	}
	compress()(d->state, p, n / sizeof(d->block));
	memcpy(d->block, p + n / sizeof(d->block) * sizeof(d->block), n % sizeof(d->block));
}

void digest_final(struct digest *d, uint8_t out[static DIGEST_BYTES])
{
	uint64_t bits = d->n_bytes * 8;
	size_t have = d->n_bytes % sizeof(d->block);

	d->block[have++] = 0x80;
	if (have > 56) {
		memset(d->block + have, 0, sizeof(d->block) - have);
		compress()(d->state, d->block, 1);
		have = 0;
	}
	memset(d->block + have, 0, 56 - have);
	for (int i = 0; i < 8; i++)
		d->block[56 + i] = (uint8_t)(bits >> (56 - 8 * i));
	compress()(d->state, d->block, 1);
	for (int i = 0; i < DIGEST_BYTES; i++)
		out[i] = (uint8_t)(d->state[i / 4] >> (24 - 8 * (i % 4)));
}

const char *digest_hex(const uint8_t sum[static DIGEST_BYTES], char out[static DIGEST_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < DIGEST_BYTES; i++) {
		out[2 * i] = digits[sum[i] >> 4];
		out[2 * i + 1] = digits[sum[i] & 15];
	}
	out[2 * DIGEST_BYTES] = 0;
	return out;
}

const char *digest_buffer(const void *data, size_t n, char out[static DIGEST_HEX_SIZE])
{
	uint8_t sum[DIGEST_BYTES];
	struct digest d;

	digest_init(&d);
	digest_update(&d, data, n);
	digest_final(&d, sum);
	return digest_hex(sum, out);
}

int digest_fd(int fd, uint8_t ret_sum[static DIGEST_BYTES], struct err *e)
{
	AUTO_MEM uint8_t *buf = mem_new(READ_SIZE);
	struct digest d;

	digest_init(&d);
	for (;;) {
		ssize_t n = read(fd, buf, READ_SIZE);

		if (proc_cancelled())
			return err_set(e, ERR_CANCELLED, "cancelled");
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, errno, "read");
		if (n == 0)
			break;
		digest_update(&d, buf, (size_t)n);
	}
	digest_final(&d, ret_sum);
	return 0;
}

int digest_file(const char *path, char ret_hex[static DIGEST_HEX_SIZE], struct err *e)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t sum[DIGEST_BYTES];

	if (fd < 0)
		return err_sys(e, errno, "open '%s'", path);
	if (digest_fd(fd, sum, e) < 0)
		return err_wrap(e, "read '%s'", path);
	digest_hex(sum, ret_hex);
	return 0;
}
