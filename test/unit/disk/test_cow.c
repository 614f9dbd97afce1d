/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random reads and writes of a joined root against the same in memory; merge_store.py is the oracle for what is in the store. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "disk/cow.h"
#include "disk/store.h"

enum { IMAGE_BYTES = 3 << 20, ROOT_BYTES = (4 << 20) + 512 * 3, STORE_BYTES = 24 << 20, WRITE_MAX = 20000 };

static char dir[64], image[96], store[96];
static uint8_t *model; /* ROOT_BYTES of what the root must hold */
static uint32_t seed;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)(seed >> 8) * n) >> 24);
}

static void put_file(const char *path, const void *data, size_t n, off_t size)
{
	AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(pwrite(fd, data, n, 0), n);
	assert_int_equal(ftruncate(fd, size), 0);
}

/* A store that a kernel has begun with this chunk, 0: that none has. */
static void fresh(uint32_t chunk_sectors)
{
	uint8_t header[16] = { 'S', 'n', 'A', 'p', 1, 0, 0, 0, 1, 0, 0, 0, (uint8_t)chunk_sectors };

	for (size_t i = 0; i < IMAGE_BYTES; i++)
		model[i] = (uint8_t)rnd(256);
	memset(model + IMAGE_BYTES, 0, ROOT_BYTES - IMAGE_BYTES);
	put_file(image, model, IMAGE_BYTES, IMAGE_BYTES);
	put_file(store, header, chunk_sectors ? sizeof(header) : 0, STORE_BYTES);
}

static struct disk_cow *opened(bool writable)
{
	struct disk_cow *c;
	struct err e = { 0 };

	assert_ok(disk_cow_open(image, store, ROOT_BYTES, writable, &c, &e));
	assert_int_equal(disk_cow_bytes(c), ROOT_BYTES);
	return c;
}

static void write_some(struct disk_cow *c, unsigned times)
{
	struct err e = { 0 };

	for (unsigned i = 0; i < times; i++) {
		uint32_t n = 1 + rnd(rnd(3) ? 600 : WRITE_MAX), at = rnd(ROOT_BYTES - n + 1);

		memset(model + at, (int)rnd(256), n);
		model[at] ^= 0x55;
		assert_ok(disk_cow_write(c, model + at, n, at, &e));
	}
}

static void assert_reads(struct disk_cow *c)
{
	AUTO_MEM uint8_t *all = mem_new(ROOT_BYTES);
	struct err e = { 0 };

	assert_ok(disk_cow_read(c, all, ROOT_BYTES, 0, &e));
	assert_memory_equal(all, model, ROOT_BYTES);
	for (int i = 0; i < 50; i++) {
		uint32_t n = 1 + rnd(WRITE_MAX), at = rnd(ROOT_BYTES - n + 1);

		assert_ok(disk_cow_read(c, all, n, at, &e));
		assert_memory_equal(all, model + at, n);
	}
}

/* Nobody's word but the kernel's documentation: the merged image is the model, the image is as it was. */
static void assert_stored(uint64_t *ret_pairs)
{
	AUTO_MEM char *merge = mem_printf("python3 unit/disk/merge_store.py %s %s %d %s/merged", image, store, ROOT_BYTES, dir);
	AUTO_MEM char *path = mem_printf("%s/merged", dir);
	AUTO_FD int fd = open(store, O_RDONLY);
	struct disk_store s;
	struct err e = { 0 };
	char *merged;
	size_t n;

	assert_ok(disk_store_check(fd, ROOT_BYTES, &s, &e));
	assert_int_equal(system(merge), 0);
	assert_ok(fd_read_file(AT_FDCWD, path, ROOT_BYTES, &merged, &n, &e));
	assert_int_equal(n, ROOT_BYTES);
	assert_memory_equal(merged, model, n);
	free(merged);
	*ret_pairs = s.pairs;
}

static void assert_no_edit(void)
{
	AUTO_MEM char *path = mem_printf("%s.edit", store);

	assert_int_equal(access(path, F_OK), -1);
}

/* Rounds of writing and reopening until most of the root's chunks have been changed; areas of 256 pairs fill up on the way. */
static void rounds(uint32_t chunk_sectors)
{
	uint64_t chunks = ROOT_BYTES / ((chunk_sectors ? chunk_sectors : 8) * 512), pairs = 0;
	struct err e = { 0 };

	fresh(chunk_sectors);
	for (unsigned round = 0; pairs < chunks * 3 / 4; round++) {
		AUTO(disk_cow_free) struct disk_cow *c = opened(true);

		write_some(c, 1 + rnd(300));
		assert_reads(c);
		assert_ok(disk_cow_commit(c, &e));
		assert_no_edit();
		assert_reads(c);
		assert_stored(&pairs);
		assert_in_range(round, 0, 200);
	}
	AUTO(disk_cow_free) struct disk_cow *c = opened(false);
	assert_reads(c);
}

static void test_fresh_store(void **state)
{
	rounds(0);
}

static void test_stores_of_kernels(void **state)
{
	rounds(8);
	rounds(32);
	rounds(128);
}

/* The area is filled to its last pair and one less and one more: the next one must be there, and be empty. */
static void test_area_boundaries(void **state)
{
	static const unsigned counts[] = { 255, 1, 1, 254, 1, 256, 1 };
	uint64_t pairs, want = 0;
	struct err e = { 0 };

	fresh(0);
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		AUTO(disk_cow_free) struct disk_cow *c = opened(true);

		for (unsigned k = 0; k < counts[i]; k++, want++) {
			model[want * 4096 + 7] ^= 1;
			assert_ok(disk_cow_write(c, model + want * 4096 + 7, 1, want * 4096 + 7, &e));
		}
		assert_ok(disk_cow_commit(c, &e));
		assert_stored(&pairs);
		assert_int_equal(pairs, want);
	}
}

static void test_without_commit(void **state)
{
	AUTO_MEM uint8_t *kept = mem_new(ROOT_BYTES);
	struct err e = { 0 };
	uint64_t pairs;

	fresh(8);
	memcpy(kept, model, ROOT_BYTES);
	struct disk_cow *c = opened(true);
	write_some(c, 100);
	assert_reads(c);
	disk_cow_free(c);
	assert_no_edit();
	memcpy(model, kept, ROOT_BYTES);
	assert_stored(&pairs);
	assert_int_equal(pairs, 0);
	c = opened(true);
	assert_ok(disk_cow_commit(c, &e));
	disk_cow_free(c);
	assert_stored(&pairs);
}

static void test_bounds(void **state)
{
	struct err e = { 0 };
	uint8_t b[16];

	fresh(8);
	AUTO(disk_cow_free) struct disk_cow *c = opened(true);
	assert_err(disk_cow_read(c, b, 16, ROOT_BYTES - 15, &e), ERR_INVALID);
	assert_err(disk_cow_read(c, b, 1, UINT64_MAX, &e), ERR_INVALID);
	assert_err(disk_cow_write(c, b, 16, ROOT_BYTES - 15, &e), ERR_INVALID);
	assert_ok(disk_cow_read(c, b, 16, ROOT_BYTES - 16, &e));
}

/* A store without room: an error, nothing changed, nothing left. */
static void test_full_store(void **state)
{
	struct disk_cow *c;
	struct err e = { 0 };
	uint64_t pairs;
	int failed = 0;

	fresh(8);
	assert_int_equal(truncate(store, 40 * 4096), 0);
	c = opened(true);
	for (uint64_t i = 0; i < 60 && !failed; i++)
		failed = disk_cow_write(c, "x", 1, i * 4096, &e);
	assert_int_equal(failed, -1);
	assert_int_equal(e.code, ERR_NO_SPACE);
	disk_cow_free(c);
	assert_no_edit();
	assert_int_equal(truncate(store, STORE_BYTES), 0);
	assert_stored(&pairs);
	assert_int_equal(pairs, 0);
}

static void patch_store(off_t at, const void *data, size_t n)
{
	AUTO_FD int fd = open(store, O_RDWR);

	assert_int_equal(pwrite(fd, data, n, at), n);
}

static void test_refused(void **state)
{
	static const uint8_t invalid[4], pair[16] = { 1, 0, 0, 0, 0, 0, 0, 0, 1 };
	struct disk_cow *c;
	struct err e = { 0 };

	fresh(8);
	patch_store(4, invalid, 4);
	assert_err(disk_cow_open(image, store, ROOT_BYTES, true, &c, &e), ERR_STATE);
	c = opened(false); /* what the next start will make of it */
	assert_reads(c);
	disk_cow_free(c);
	patch_store(4096, pair, 16);
	assert_err(disk_cow_open(image, store, ROOT_BYTES, false, &c, &e), ERR_CORRUPT);
	assert_err(disk_cow_open("/nothing", store, ROOT_BYTES, false, &c, &e), ERR_NOT_FOUND);
	assert_err(disk_cow_open(image, "/nothing", ROOT_BYTES, false, &c, &e), ERR_NOT_FOUND);
}

/* An edit that was cut off before it was complete, and files that are none: forgotten or refused, the store as before. */
static void test_cut_off(void **state)
{
	static const uint8_t half[8192] = "bgrEdi", wild[8192] = "bgrEdit1\0\020\0\0\0\0\0\0\xff\xff\xff";
	AUTO_MEM char *edit = mem_printf("%s.edit", store);
	struct disk_cow *c;
	struct err e = { 0 };
	bool healed;

	fresh(8);
	put_file(edit, half, 0, 5);
	assert_ok(disk_store_heal(store, ROOT_BYTES, &healed, &e));
	assert_no_edit();
	put_file(edit, half, sizeof(half), sizeof(half));
	disk_cow_free(opened(false));
	assert_no_edit();
	put_file(edit, wild, sizeof(wild), sizeof(wild));
	assert_err(disk_cow_open(image, store, ROOT_BYTES, true, &c, &e), ERR_CORRUPT);
	assert_err(disk_store_heal(store, ROOT_BYTES, &healed, &e), ERR_CORRUPT);
	assert_int_equal(unlink(edit), 0);
	c = opened(false);
	assert_reads(c);
	disk_cow_free(c);
}

static int set_up(void **state)
{
	strcpy(dir, "/tmp/banger-unit-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(image, sizeof(image), "%s/image", dir);
	snprintf(store, sizeof(store), "%s/store", dir);
	model = mem_new(ROOT_BYTES);
	return 0;
}

static int tear_down(void **state)
{
	struct err e = { 0 };

	free(model);
	return path_remove_tree(dir, &e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fresh_store),
		cmocka_unit_test(test_stores_of_kernels),
		cmocka_unit_test(test_area_boundaries),
		cmocka_unit_test(test_without_commit),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_full_store),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_cut_off),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
