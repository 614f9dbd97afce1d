/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The compressors are the distribution's own programs. */
#include "unit.h"

#include "base/auto.h"
#include "base/mem.h"
#include "compress.h"
#include "unpack/inflate.h"

#define PLAIN_BYTES ((size_t)9 << 20) /* two lz4 blocks */

struct sample {
	enum unpack_kind kind;
	const char *command;
};
static const struct sample SAMPLES[] = {
	{ UNPACK_GZIP, "gzip -n -1" },
	{ UNPACK_XZ, "xz --check=crc32 --x86 --lzma2=preset=1" },
	{ UNPACK_LZMA, "xz --format=lzma -1" },
	{ UNPACK_BZIP2, "bzip2 -1" },
	{ UNPACK_ZSTD, "zstd -q -3" },
	{ UNPACK_LZ4, "lz4 -q -l" },
};

static uint8_t *plain;

static int setup(void **state)
{
	uint32_t x = 1;

	plain = mem_new(PLAIN_BYTES);
	for (size_t i = 0; i < PLAIN_BYTES; i++) {
		if (i % 64 == 0)
			x = x * 1664525 + 1013904223;
		plain[i] = (uint8_t)(x >> (i % 4 * 8));
	}
	return 0;
}

static int teardown(void **state)
{
	free(plain);
	return 0;
}

static void test_every_kind(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(SAMPLES); i++) {
		struct err e = { 0 };
		size_t n, m;
		AUTO_MEM uint8_t *z = compress_by(SAMPLES[i].command, plain, PLAIN_BYTES, &n);
		AUTO_MEM void *out = NULL;

		assert_int_equal(unpack_kind(z, n), SAMPLES[i].kind);
		assert_ok(unpack_decompress(z, n, PLAIN_BYTES, &out, &m, &e));
		assert_int_equal(m, PLAIN_BYTES);
		assert_memory_equal(out, plain, m);
	}
}

static void test_bound(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(SAMPLES); i++) {
		struct err e = { 0 };
		size_t n, m;
		AUTO_MEM uint8_t *z = compress_by(SAMPLES[i].command, plain, 300000, &n);
		void *out;

		assert_err(unpack_decompress(z, n, 299999, &out, &m, &e), ERR_CORRUPT);
		assert_err(unpack_decompress(z, n, 100, &out, &m, &e), ERR_CORRUPT);
	}
}

static void test_cut_and_damaged(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(SAMPLES); i++) {
		struct err e = { 0 };
		size_t n, m;
		AUTO_MEM uint8_t *z = compress_by(SAMPLES[i].command, plain, 300000, &n);
		void *out;

		for (size_t cut = 8; cut < n; cut += n / 7 + 1)
			assert_err(unpack_decompress(z, cut, PLAIN_BYTES, &out, &m, &e), ERR_CORRUPT);
		memset(z + n / 2, 0xff, n / 2 > 600 ? 600 : n / 2);
		if (SAMPLES[i].kind != UNPACK_LZMA && SAMPLES[i].kind != UNPACK_LZ4) /* these have no checksum */
			assert_err(unpack_decompress(z, n, PLAIN_BYTES, &out, &m, &e), ERR_CORRUPT);
	}
}

static void test_trailing_bytes_are_ignored(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(SAMPLES); i++) {
		struct err e = { 0 };
		size_t n, m;
		AUTO_MEM uint8_t *z = compress_by(SAMPLES[i].command, plain, 300000, &n);
		AUTO_MEM void *out = NULL;

		if (SAMPLES[i].kind == UNPACK_LZ4)
			continue;
		memcpy(z + n, "\xe0\x93\x04\0", 4);
		assert_ok(unpack_decompress(z, n + 4, PLAIN_BYTES, &out, &m, &e));
		assert_int_equal(m, 300000);
	}
}

static void test_plain_and_unsupported(void **state)
{
	struct err e = { 0 };
	size_t m;
	AUTO_MEM void *out = NULL;
	void *none;

	assert_int_equal(unpack_kind("\x7f" "ELF", 4), UNPACK_PLAIN);
	assert_int_equal(unpack_kind("", 0), UNPACK_PLAIN);
	assert_ok(unpack_decompress("\x7f" "ELF", 4, 4, &out, &m, &e));
	assert_int_equal(m, 4);
	assert_err(unpack_decompress("\x7f" "ELF", 4, 3, &none, &m, &e), ERR_CORRUPT);
	assert_err(unpack_decompress("\x89LZO", 4, 3, &none, &m, &e), ERR_UNAVAILABLE);
	assert_string_equal(unpack_kind_name(UNPACK_ZSTD), "zstd");
	assert_string_equal(unpack_kind_name(UNPACK_PLAIN), "plain");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_kind),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_cut_and_damaged),
		cmocka_unit_test(test_trailing_bytes_are_ignored),
		cmocka_unit_test(test_plain_and_unsupported),
	};
	return cmocka_run_group_tests_name("unpack/inflate", tests, setup, teardown);
}
