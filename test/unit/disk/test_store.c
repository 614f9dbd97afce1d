/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "disk/store.h"

#define ROOT_BYTES (64 << 20)
#define STORE_BYTES (80 << 20)

static char path[64];

static void le(uint8_t *at, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		at[i] = (uint8_t)(v >> 8 * i);
}

static void put(uint64_t at, const void *data, size_t n)
{
	AUTO_FD int fd = open(path, O_WRONLY);

	assert_int_equal(pwrite(fd, data, n, (off_t)at), n);
}

static void put_pair(uint64_t chunk, uint64_t i, uint64_t from, uint64_t to)
{
	uint8_t b[16];

	le(b, from, 8);
	le(b + 8, to, 8);
	put(chunk * 4096 + i * 16, b, 16);
}

/* A store of chunks of 4 KiB with n pairs, as the kernel lays them out. */
static void make_store(bool valid, uint64_t n)
{
	AUTO_FD int fd = open(path, O_RDWR | O_TRUNC | O_CREAT, 0600);
	uint8_t h[16];
	uint64_t next = 2;

	assert_int_equal(ftruncate(fd, STORE_BYTES), 0);
	le(h, 0x70416e53, 4);
	le(h + 4, valid, 4);
	le(h + 8, 1, 4);
	le(h + 12, 8, 4);
	put(0, h, 16);
	for (uint64_t i = 0; i < n; i++) {
		if ((next - 1) % 257 == 0)
			next++;
		put_pair(1 + i / 256 * 257, i % 256, i * 3, next++);
	}
}

static void check(uint64_t pairs, bool valid)
{
	AUTO_FD int fd = open(path, O_RDONLY);
	struct disk_store s;
	struct err e = { 0 };

	assert_ok(disk_store_check(fd, ROOT_BYTES, &s, &e));
	assert_int_equal(s.pairs, pairs);
	assert_int_equal(s.valid, valid);
	assert_int_equal(s.chunk_bytes, 4096);
}

static void test_whole(void **state)
{
	static const uint64_t counts[] = { 0, 1, 255, 256, 257, 513, 1000 };

	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		make_store(i & 1, counts[i]);
		check(counts[i], i & 1);
	}
}

static void test_fresh(void **state)
{
	AUTO_FD int fd = open(path, O_RDWR | O_TRUNC | O_CREAT, 0600);
	struct err e = { 0 };
	struct disk_store s;
	bool healed;

	assert_int_equal(ftruncate(fd, STORE_BYTES), 0);
	assert_ok(disk_store_check(fd, ROOT_BYTES, &s, &e));
	assert_true(s.fresh);
	assert_false(disk_store_failed(path));
	assert_ok(disk_store_heal(path, ROOT_BYTES, &healed, &e));
	assert_false(healed);
}

static void test_heal(void **state)
{
	struct err e = { 0 };
	bool healed;

	make_store(false, 300);
	assert_true(disk_store_failed(path));
	assert_ok(disk_store_heal(path, ROOT_BYTES, &healed, &e));
	assert_true(healed);
	assert_false(disk_store_failed(path));
	check(300, true);
	assert_ok(disk_store_heal(path, ROOT_BYTES, &healed, &e));
	assert_false(healed);
}

/* One pair too many or wrong: refused, and the flag stays as it was. */
static void test_refused(void **state)
{
	static const struct {
		uint64_t area, i, from, to;
		const char *says;
	} rows[] = {
		{ 1, 20, 7, 40, "torn" },       { 1, 255, 0, 1, "torn" },       { 1, 10, 0, 100, "twice" },          { 1, 10, 100, 2, "twice" },
		{ 1, 10, 16384, 100, "names" }, { 1, 10, 100, 1, "can be" },    { 1, 10, 100, 258, "can be" },       { 1, 10, 100, 20480, "can be" },
	};
	struct err e = { 0 };
	bool healed;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		make_store(false, 10);
		put_pair(rows[i].area, rows[i].i, rows[i].from, rows[i].to);
		assert_int_equal(disk_store_heal(path, ROOT_BYTES, &healed, &e), -1);
		assert_int_equal(e.code, ERR_CORRUPT);
		assert_non_null(strstr(e.msg, rows[i].says));
		err_clear(&e);
		put_pair(rows[i].area, rows[i].i, 0, 0);
		check(10, false);
	}
}

static int set_up(void **state)
{
	strcpy(path, "/tmp/banger-unit-XXXXXX");
	return close(mkstemp(path));
}

static int tear_down(void **state)
{
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_fresh),
		cmocka_unit_test(test_heal),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
