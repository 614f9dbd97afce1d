/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ext4/fs.h"

#define MIB (UINT64_C(1) << 20)

static void makes_what_the_checker_accepts(void **state)
{
	static const uint64_t sizes[] = { 1, 4, 7, 8, 16, 129, 1024, 70000 };
	const char *image = in_scratch(state, "a.img");
	struct ext4_info info;
	struct err e = { 0 };
	enum ext4_health health;
	char *first;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct ext4_mkfs how = { .bytes = sizes[i] * MIB + 5000, .label = "sixteen-bytes-ok" };
		assert_ok(ext4_mkfs(image, &how, &e));
		assert_clean(state, image);
		assert_ok(ext4_info(image, &info, &e));
		assert_string_equal(info.label, "sixteen-bytes-ok");
		assert_true(info.bytes <= how.bytes && info.bytes + 2 * MIB > how.bytes); /* a last group too small for its tables is left out */
		assert_int_equal(info.health, EXT4_CLEAN);
		assert_int_equal(info.has_journal, sizes[i] >= 8);
		assert_ok(ext4_check(image, &health, &first, &e));
		assert_int_equal(health, EXT4_CLEAN);
		assert_string_equal(first, "");
		free(first);
	}
}

static void has_the_features_of_mke2fs_but_orphan_file(void **state)
{
	struct ext4_mkfs how = { .bytes = 600 * MIB };
	struct err e = { 0 };

	assert_ok(ext4_mkfs(in_scratch(state, "a.img"), &how, &e));
	/* what distributions' mke2fs.conf adds or leaves out is not compared: the list is that of upstream's */
	char *ours = shell_text(state, "dumpe2fs -h a.img 2>/dev/null | sed -n 's/^Filesystem features: *//p'");
	assert_string_equal(ours, "has_journal ext_attr resize_inode dir_index filetype extent 64bit flex_bg metadata_csum_seed sparse_super "
				  "large_file huge_file dir_nlink extra_isize metadata_csum");
	free(ours);
	char *differs = shell_text(state, "truncate -s 600M b.img; mke2fs -q -F -t ext4 -b 4096 -I 256 -O ^orphan_file,metadata_csum_seed,metadata_csum,64bit b.img;"
					  "for i in a b; do dumpe2fs -h $i.img 2>/dev/null | grep -v 'UUID\\|Hash\\|time\\|hecked\\|created\\|hecksum\\|Overhead\\|^Journal' "
					  ">$i.txt; done; diff a.txt b.txt; true");
	assert_string_equal(differs, "");
	free(differs);
}

static void counts_inodes_as_asked(void **state)
{
	struct ext4_mkfs how = { .bytes = 64 * MIB, .inodes = 50000, .no_journal = true };
	struct ext4_info info;
	struct err e = { 0 };

	assert_ok(ext4_mkfs(in_scratch(state, "a.img"), &how, &e));
	assert_ok(ext4_info(in_scratch(state, "a.img"), &info, &e));
	assert_in_range(info.free_inodes, 50000, 60000);
	assert_false(info.has_journal);
	assert_clean(state, "a.img");
	how.inodes = 1 << 30;
	assert_err(ext4_mkfs(in_scratch(state, "a.img"), &how, &e), ERR_NO_SPACE);
}

static void refuses_wrong_sizes_and_labels(void **state)
{
	struct ext4_mkfs how = { .bytes = 4096 };
	struct err e = { 0 };

	assert_err(ext4_mkfs(in_scratch(state, "a.img"), &how, &e), ERR_INVALID);
	how.bytes = UINT64_C(1) << 60;
	assert_err(ext4_mkfs(in_scratch(state, "a.img"), &how, &e), ERR_INVALID);
	how = (struct ext4_mkfs){ .bytes = 4 * MIB, .label = "seventeen-bytes-x" };
	assert_err(ext4_mkfs(in_scratch(state, "a.img"), &how, &e), ERR_INVALID);
	how.label = NULL;
	assert_err(ext4_mkfs(in_scratch(state, "none/a.img"), &how, &e), ERR_NOT_FOUND);
}

static void grows(void **state)
{
	const char *image = in_scratch(state, "a.img");
	struct ext4_mkfs how = { .bytes = 100 * MIB };
	struct ext4_info info;
	struct err e = { 0 };

	assert_ok(ext4_mkfs(image, &how, &e));
	assert_ok(ext4_grow(image, 3000 * MIB, &e));
	assert_clean(state, image);
	assert_ok(ext4_info(image, &info, &e));
	assert_int_equal(info.bytes, 3000 * MIB);
	assert_ok(ext4_grow(image, 50 * MIB, &e)); /* smaller: nothing */
	assert_ok(ext4_info(image, &info, &e));
	assert_int_equal(info.bytes, 3000 * MIB);
	assert_err(ext4_grow(image, UINT64_MAX, &e), ERR_INVALID);
}

/* Also beyond what its descriptors were given room for. */
static void grows_past_a_tebibyte(void **state)
{
	const char *image = in_scratch(state, "a.img");
	struct ext4_mkfs how = { .bytes = 2000 * MIB, .inodes = 1000 };
	struct ext4_info info;
	struct err e = { 0 };

	assert_ok(ext4_mkfs(image, &how, &e));
	char *text = shell_text(state, "dumpe2fs -h a.img 2>/dev/null | sed -n 's/^Reserved GDT blocks: *//p'; stat -c '%%b' a.img | awk '{ exit $1 > 2048 }' && echo small");
	assert_string_equal(text, "128\nsmall");
	free(text);
	assert_ok(ext4_grow(image, UINT64_C(1100) << 30, &e));
	assert_clean(state, image);
	assert_ok(ext4_info(image, &info, &e));
	assert_int_equal(info.bytes, UINT64_C(1100) << 30);
}

static void refuses_what_is_no_image(void **state)
{
	struct ext4_info info;
	enum ext4_health health;
	struct err e = { 0 };
	char *first;

	shell(state, "head -c 100000 /dev/zero >zero.img; echo hello >short.img; mkdir dir");
	assert_err(ext4_info(in_scratch(state, "zero.img"), &info, &e), ERR_CORRUPT);
	assert_err(ext4_info(in_scratch(state, "short.img"), &info, &e), ERR_CORRUPT);
	assert_int_equal(ext4_info(in_scratch(state, "dir"), &info, &e), -1);
	err_clear(&e);
	assert_err(ext4_info(in_scratch(state, "none.img"), &info, &e), ERR_NOT_FOUND);
	assert_ok(ext4_check(in_scratch(state, "zero.img"), &health, &first, &e));
	assert_int_equal(health, EXT4_DAMAGED);
	assert_non_null(strstr(first, "is not an ext4 image"));
	free(first);
}

static void sees_a_cut_image(void **state)
{
	struct ext4_mkfs how = { .bytes = 64 * MIB };
	struct ext4_info info;
	struct err e = { 0 };

	assert_ok(ext4_mkfs(in_scratch(state, "a.img"), &how, &e));
	shell(state, "truncate -s 63M a.img");
	assert_int_equal(ext4_info(in_scratch(state, "a.img"), &info, &e), -1);
	assert_int_equal(e.code, ERR_CORRUPT);
	assert_non_null(strstr(e.msg, "cut off"));
}

static void reports_damage(void **state)
{
	struct ext4_mkfs how = { .bytes = 64 * MIB };
	enum ext4_health health;
	struct err e = { 0 };
	char *first;

	assert_ok(ext4_mkfs(in_scratch(state, "a.img"), &how, &e));
	/* the root folder's inode loses its type */
	assert_int_equal(shell(state, "debugfs -w -R 'set_inode_field / mode 0' a.img >/dev/null 2>&1"), 0);
	assert_ok(ext4_check(in_scratch(state, "a.img"), &health, &first, &e));
	assert_int_equal(health, EXT4_DAMAGED);
	assert_true(strlen(first) > 0);
	free(first);
}

/* An image copied while the kernel has it mounted has a journal to replay. */
static void replays_a_journal(void **state)
{
	const char *image = in_scratch(state, "copy.img");
	struct ext4_mkfs how = { .bytes = 64 * MIB };
	enum ext4_health health;
	struct ext4_info info;
	struct err e = { 0 };

	if (!can_mount(state))
		skip();
	assert_ok(ext4_mkfs(in_scratch(state, "a.img"), &how, &e));
	assert_int_equal(shell(state, "mkdir m; mount -o loop a.img m && echo kept >m/file && sync m/file && cp a.img copy.img; umount m"), 0);
	assert_ok(ext4_info(image, &info, &e));
	assert_int_equal(info.health, EXT4_DIRTY);
	assert_ok(ext4_check(image, &health, NULL, &e));
	assert_int_equal(health, EXT4_DIRTY);
	assert_err(ext4_grow(image, 128 * MIB, &e), ERR_STATE);
	assert_ok(ext4_replay(image, &e));
	assert_clean(state, image);
	char *text = shell_text(state, "debugfs -R 'cat /file' copy.img 2>/dev/null");
	assert_string_equal(text, "kept");
	free(text);
	assert_ok(ext4_replay(image, &e)); /* nothing to do */
	assert_ok(ext4_grow(image, 128 * MIB, &e));
	assert_clean(state, image);
}

static void marks_of_damage_are_not_replayed_away_silently(void **state)
{
	struct ext4_mkfs how = { .bytes = 64 * MIB };
	struct err e = { 0 };

	assert_ok(ext4_mkfs(in_scratch(state, "a.img"), &how, &e));
	/* a block of the root folder is torn: preening must give up, not guess */
	shell(state, "debugfs -w -R 'set_super_value state 2' a.img >/dev/null 2>&1; "
		     "b=$(debugfs -R 'blocks /' a.img 2>/dev/null); dd if=/dev/urandom of=a.img bs=4096 seek=$b count=1 conv=notrunc 2>/dev/null");
	assert_err(ext4_replay(in_scratch(state, "a.img"), &e), ERR_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
		T(makes_what_the_checker_accepts),
		T(has_the_features_of_mke2fs_but_orphan_file),
		T(counts_inodes_as_asked),
		T(refuses_wrong_sizes_and_labels),
		T(grows),
		T(grows_past_a_tebibyte),
		T(refuses_what_is_no_image),
		T(sees_a_cut_image),
		T(reports_damage),
		T(replays_a_journal),
		T(marks_of_damage_are_not_replayed_away_silently),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
