/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The root of image and store read, edited, checked and replayed; e2fsck and debugfs look at it through merge_store.py. */
#include "joined.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

enum { BIG = (3 << 20) + 17 };

static int count(void *arg, const char *name, const struct ext4_stat *st)
{
	(*(unsigned *)arg)++;
	return 0;
}

static void reads_a_root_without_changes(void **state)
{
	struct disk_cow *c = joined_open(state, false);
	enum ext4_health health;
	struct ext4_info info;
	struct err e = { 0 };
	unsigned names = 0;
	struct ext4 *x;
	char *first;

	assert_ok(ext4_cow_info(c, &info, &e));
	assert_int_equal(info.bytes, 16 << 20);
	assert_ok(ext4_cow_check(c, &health, &first, &e));
	assert_int_equal(health, EXT4_CLEAN);
	free(first);
	assert_err(ext4_cow_open(c, true, &x, &e), ERR_DENIED); /* EROFS */
	assert_ok(ext4_cow_open(c, false, &x, &e));
	assert_content(x, "/etc/passwd", "old");
	assert_ok(ext4_list(x, "/many", count, &names, &e));
	assert_int_equal(names, 200);
	assert_err(ext4_put_file(x, "/no", "", 0, &(struct ext4_meta){ .mode = 0644 }, &e), ERR_STATE);
	assert_ok(ext4_close(x, &e));
	disk_cow_free(c);
}

static void edit_once(void **state, const char *passwd, const void *big)
{
	struct ext4_meta meta = ext4_meta(0640, 7, 8, 0);
	struct disk_cow *c = joined_open(state, true);
	struct err e = { 0 };
	struct ext4 *x;

	assert_ok(ext4_cow_open(c, true, &x, &e));
	assert_ok(ext4_put_file(x, "/etc/passwd", passwd, strlen(passwd), &meta, &e));
	assert_ok(ext4_make_dirs(x, "/new/deep", &meta, &e));
	assert_ok(ext4_put_file(x, "/new/deep/big", big, BIG, &meta, &e));
	assert_ok(ext4_remove(x, "/etc/gone", &e));
	assert_content(x, "/etc/passwd", passwd);
	assert_ok(ext4_close(x, &e));
	assert_ok(ext4_cow_open(c, false, &x, &e)); /* the same c goes on */
	assert_content(x, "/etc/passwd", passwd);
	assert_ok(ext4_close(x, &e));
	disk_cow_free(c);
}

static void edits_that_others_can_read(void **state)
{
	AUTO_MEM uint8_t *big = mem_new(BIG);
	enum ext4_health health;
	struct err e = { 0 };
	char *text;

	for (int round = 0; round < 4; round++) {
		AUTO_MEM char *passwd = mem_printf("round %d", round);

		for (size_t i = 0; i < BIG; i++)
			big[i] = (uint8_t)(i * 7 >> round);
		edit_once(state, passwd, big);
		joined_merge(state);
		text = joined_cat(state, "/etc/passwd");
		assert_string_equal(text, passwd);
		free(text);
		assert_int_equal(shell(state, "debugfs -R 'dump /new/deep/big big' merged.img 2>/dev/null"), 0);
		size_t n;
		assert_ok(fd_read_file(AT_FDCWD, in_scratch(state, "big"), BIG, &text, &n, &e));
		assert_int_equal(n, BIG);
		assert_memory_equal(text, big, BIG);
		free(text);
		assert_int_not_equal(shell(state, "debugfs -R 'stat /etc/gone' merged.img 2>/dev/null | grep -q Inode:"), 0);
	}
	struct disk_cow *c = joined_open(state, false);
	assert_ok(ext4_cow_check(c, &health, NULL, &e));
	assert_int_equal(health, EXT4_CLEAN);
	disk_cow_free(c);
}

/* Whatever differs between merged.img and the root is written through c. */
static void write_merged(void **state, struct disk_cow *c)
{
	AUTO_FD int fd = open(in_scratch(state, "merged.img"), O_RDONLY);
	uint8_t want[4096], has[4096];
	struct err e = { 0 };

	for (uint64_t at = 0; at < JOINED_BYTES; at += sizeof(want)) {
		assert_ok(fd_pread_all(fd, want, sizeof(want), (off_t)at, &e));
		assert_ok(disk_cow_read(c, has, sizeof(has), at, &e));
		if (memcmp(want, has, sizeof(want)) != 0)
			assert_ok(disk_cow_write(c, want, sizeof(want), at, &e));
	}
	assert_ok(disk_cow_commit(c, &e));
}

/* A journal with one transaction, by debugfs: a block of /etc/passwd gets new content once it is replayed. */
static void replays_a_journal(void **state)
{
	struct disk_cow *c;
	struct ext4_info info;
	enum ext4_health health;
	struct err e = { 0 };
	struct ext4 *x;

	joined_merge(state);
	assert_int_equal(shell(state, "(printf new; head -c 4093 /dev/zero) > block && b=$(debugfs -R 'bmap /etc/passwd 0' merged.img 2>/dev/null) && "
				      "printf 'jo\\njw -b %%s block\\njc\\n' $b > cmd && debugfs -w -f cmd merged.img >debugfs.out 2>&1"), 0);
	c = joined_open(state, true);
	write_merged(state, c);
	assert_ok(ext4_cow_info(c, &info, &e));
	assert_int_equal(info.health, EXT4_DIRTY);
	assert_err(ext4_cow_open(c, true, &x, &e), ERR_STATE);
	assert_ok(ext4_cow_check(c, &health, NULL, &e));
	assert_int_equal(health, EXT4_DIRTY);
	assert_ok(ext4_cow_replay(c, &e));
	assert_ok(ext4_cow_open(c, false, &x, &e));
	assert_content(x, "/etc/passwd", "new");
	assert_ok(ext4_close(x, &e));
	assert_ok(ext4_cow_replay(c, &e));
	disk_cow_free(c);
	joined_merge(state);
	char *text = joined_cat(state, "/etc/passwd");
	assert_string_equal(text, "new");
	free(text);
}

/* More than the file system has room for: an error, and the store as before. */
static void what_does_not_fit_changes_nothing(void **state)
{
	struct ext4_meta meta = ext4_meta(0644, 0, 0, 0);
	AUTO_MEM uint8_t *big = mem_new(20 << 20);
	struct disk_cow *c = joined_open(state, true);
	struct err e = { 0 };
	struct ext4 *x;

	memset(big, 1, 20 << 20);
	assert_int_equal(shell(state, "sha256sum a.store > store.sum"), 0);
	assert_ok(ext4_cow_open(c, true, &x, &e));
	assert_ok(ext4_put_file(x, "/etc/passwd", "lost", 4, &meta, &e));
	assert_err(ext4_put_file(x, "/big", big, 20 << 20, &meta, &e), ERR_NO_SPACE);
	ext4_free(x);
	disk_cow_free(c);
	assert_int_equal(shell(state, "sha256sum --quiet -c store.sum && ! test -e a.store.edit"), 0);
}

static int set_up(void **state)
{
	if (scratch_setup(state) < 0)
		return -1;
	joined_make(state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_a_root_without_changes, set_up, scratch_teardown),
		cmocka_unit_test_setup_teardown(edits_that_others_can_read, set_up, scratch_teardown),
		cmocka_unit_test_setup_teardown(replays_a_journal, set_up, scratch_teardown),
		cmocka_unit_test_setup_teardown(what_does_not_fit_changes_nothing, set_up, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
