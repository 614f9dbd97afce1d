/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image.h"

#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "ext4/fs.h"
#include "ext4/tree.h"

#define MIB (UINT64_C(1) << 20)

static struct ext4 *fresh(void **state, uint64_t mib)
{
	struct ext4_mkfs how = { .bytes = mib * MIB };
	struct err e = { 0 };
	struct ext4 *x;

	assert_ok(ext4_mkfs(in_scratch(state, "a.img"), &how, &e));
	assert_ok(ext4_open(in_scratch(state, "a.img"), true, &x, &e));
	return x;
}

static void finish(void **state, struct ext4 *x)
{
	struct err e = { 0 };

	assert_ok(ext4_close(x, &e));
	assert_clean(state, "a.img");
}

static void puts_files_that_others_can_read(void **state)
{
	struct ext4_meta meta = ext4_meta(0640, 70000, 80000, 0), old;
	struct ext4 *x = fresh(state, 64);
	struct err e = { 0 };
	struct ext4_stat st;

	meta.mtime = (struct ext4_time){ 1700000000, 123456789 };
	old = ext4_meta(04755, 0, 0, -5);
	assert_ok(ext4_make_dirs(x, "/etc/deep/er", &meta, &e));
	assert_ok(ext4_put_file(x, "/etc/deep/er/file", "hello", 5, &meta, &e));
	assert_ok(ext4_put_file(x, "etc/empty", "", 0, &old, &e));
	assert_ok(ext4_symlink(x, "/etc/link", "deep/er/file", &meta, &e));
	assert_ok(ext4_stat(x, "/etc/link", true, &st, &e));
	assert_int_equal(st.size, 5);
	assert_int_equal(st.meta.uid, 70000);
	assert_int_equal(st.meta.mtime.ns, 123456789);
	assert_ok(ext4_stat(x, "/etc/empty", false, &st, &e));
	assert_int_equal(st.meta.mtime.s, -5);
	finish(state, x);
	char *text = shell_text(state, "debugfs -R 'cat /etc/deep/er/file' a.img 2>/dev/null; debugfs -R 'stat /etc/deep/er/file' a.img 2>/dev/null | "
				       "grep -o 'Mode:  0640\\|User: 70000\\|Group: 80000\\|Links: 1'; debugfs -R 'stat /etc/link' a.img 2>/dev/null | grep dest");
	assert_string_equal(text, "helloMode:  0640\nUser: 70000\nGroup: 80000\nLinks: 1\nFast link dest: \"deep/er/file\"");
	free(text);
	if (!can_mount(state))
		return;
	text = shell_text(state, "mkdir m; mount -o loop,ro a.img m && stat -c '%%a %%u %%g %%y' m/etc/deep/er/file m/etc/empty; TZ=UTC; umount m");
	assert_non_null(strstr(text, "640 70000 80000 2023-11-14 22:13:20.123456789"));
	assert_non_null(strstr(text, "4755 0 0 1969-12-31 23:59:55.000000000"));
	free(text);
}

static void replaces_and_removes(void **state)
{
	struct ext4_meta meta = ext4_meta(0644, 0, 0, 1);
	struct ext4_info before, after;
	struct ext4 *x = fresh(state, 64);
	struct err e = { 0 };
	struct ext4_stat st;
	char *big = mem_new(3 * MIB);

	finish(state, x);
	assert_ok(ext4_info(in_scratch(state, "a.img"), &before, &e));
	assert_ok(ext4_open(in_scratch(state, "a.img"), true, &x, &e));
	assert_ok(ext4_put_file(x, "/f", big, 3 * MIB, &meta, &e));
	assert_ok(ext4_put_file(x, "/f", "small", 5, &meta, &e));
	assert_content(x, "/f", "small");
	assert_ok(ext4_symlink(x, "/f", "elsewhere", &meta, &e));
	assert_ok(ext4_stat(x, "/f", false, &st, &e));
	assert_true(S_ISLNK(st.meta.mode));
	assert_ok(ext4_put_file(x, "/f", "again", 5, &meta, &e)); /* the link goes, elsewhere is not made */
	assert_err(ext4_stat(x, "/elsewhere", false, &st, &e), ERR_NOT_FOUND);
	assert_ok(ext4_make_dirs(x, "/d/e/f/g", &meta, &e));
	assert_err(ext4_put_file(x, "/d", "", 0, &meta, &e), ERR_EXISTS);
	assert_err(ext4_mkdir(x, "/f", &meta, &e), ERR_EXISTS);
	assert_ok(ext4_put_file(x, "/d/e/f/file", big, 2 * MIB, &meta, &e));
	assert_ok(ext4_remove(x, "/d", &e));
	assert_ok(ext4_remove(x, "/f", &e));
	assert_ok(ext4_remove(x, "/never/was", &e));
	assert_err(ext4_remove(x, "/", &e), ERR_INVALID);
	finish(state, x);
	assert_ok(ext4_info(in_scratch(state, "a.img"), &after, &e));
	assert_int_equal(before.free_bytes, after.free_bytes);
	assert_int_equal(before.free_inodes, after.free_inodes);
	free(big);
}

static void links_stay_inside(void **state)
{
	struct ext4_meta meta = ext4_meta(0755, 0, 0, 1);
	struct ext4 *x = fresh(state, 64);
	struct err e = { 0 };
	struct ext4_stat st;

	assert_ok(ext4_make_dirs(x, "/usr/lib", &meta, &e));
	assert_ok(ext4_symlink(x, "/lib", "/usr/lib", &meta, &e));
	assert_ok(ext4_symlink(x, "/up", "../../../../../usr/./lib/..", &meta, &e));
	assert_ok(ext4_symlink(x, "/passwd", "/etc/passwd", &meta, &e));
	assert_ok(ext4_put_file(x, "/lib/x", "1", 1, &meta, &e));
	assert_content(x, "/usr/lib/x", "1");
	assert_content(x, "/up/lib/x", "1");
	assert_content(x, "/../../usr/lib/x", "1");
	assert_err(ext4_stat(x, "/passwd", true, &st, &e), ERR_NOT_FOUND); /* the host has one */
	assert_ok(ext4_symlink(x, "/loop", "loop", &meta, &e));
	assert_err(ext4_stat(x, "/loop/x", true, &st, &e), ERR_INVALID);
	assert_ok(ext4_symlink(x, "/grow", "grow/grow", &meta, &e));
	assert_err(ext4_stat(x, "/grow", true, &st, &e), ERR_INVALID);
	assert_err(ext4_stat(x, "/lib/x/y", true, &st, &e), ERR_INVALID);
	assert_ok(ext4_mkdir(x, "/lib", &meta, &e)); /* a link to a folder is one */
	char *target;
	assert_ok(ext4_read_link(x, "/lib", &target, &e));
	assert_string_equal(target, "/usr/lib");
	free(target);
	char name[300] = { 0 };
	memset(name, 'a', 256);
	assert_err(ext4_put_file(x, name, "", 0, &meta, &e), ERR_INVALID);
	name[255] = 0;
	assert_ok(ext4_put_file(x, name, "", 0, &meta, &e));
	char *longest = mem_new(4096);
	memset(longest, 'b', 4095);
	assert_ok(ext4_symlink(x, "/long", longest, &meta, &e));
	assert_ok(ext4_read_link(x, "/long", &target, &e));
	assert_string_equal(target, longest);
	free(target);
	free(longest);
	finish(state, x);
}

static int count(void *arg, const char *name, const struct ext4_stat *st)
{
	++*(unsigned *)arg;
	return st->ino == 0;
}

static void many_names_in_one_folder(void **state)
{
	struct ext4_meta meta = ext4_meta(0644, 0, 0, 1);
	struct ext4 *x = fresh(state, 64);
	struct err e = { 0 };
	unsigned n = 0;
	char name[64];

	assert_ok(ext4_mkdir(x, "/many", &meta, &e));
	for (int i = 0; i < 600; i++) {
		snprintf(name, sizeof(name), "/many/a-rather-long-name-of-a-file-%d", i);
		assert_ok(ext4_put_file(x, name, name, strlen(name), &meta, &e));
	}
	assert_ok(ext4_list(x, "/many", count, &n, &e));
	assert_int_equal(n, 600);
	finish(state, x);
}

static void full_is_no_space(void **state)
{
	struct ext4_meta meta = ext4_meta(0644, 0, 0, 1);
	struct ext4 *x = fresh(state, 4);
	struct err e = { 0 };
	char *big = mem_new(5 * MIB);

	assert_int_equal(ext4_put_file(x, "/big", big, 5 * MIB, &meta, &e), -1);
	assert_int_equal(e.code, ERR_NO_SPACE);
	assert_true(strlen(e.hint) > 0);
	free(big);
	ext4_free(x);
}

static void reading_only_refuses_edits(void **state)
{
	struct ext4_meta meta = ext4_meta(0644, 0, 0, 1);
	struct ext4 *x = fresh(state, 8);
	struct err e = { 0 };

	finish(state, x);
	assert_ok(ext4_open(in_scratch(state, "a.img"), false, &x, &e));
	assert_err(ext4_put_file(x, "/f", "", 0, &meta, &e), ERR_STATE);
	assert_err(ext4_mkdir(x, "/d", &meta, &e), ERR_STATE);
	assert_err(ext4_remove(x, "/d", &e), ERR_STATE);
	assert_err(ext4_symlink(x, "/d", "x", &meta, &e), ERR_STATE);
	assert_err(ext4_set_meta(x, "/", &meta, &e), ERR_STATE);
	ext4_free(x);
}

static void set_meta_keeps_type_and_attributes(void **state)
{
	struct ext4_meta meta = ext4_meta(0700, 5, 6, 77);
	struct err e = { 0 };
	struct ext4_stat st;
	struct ext4 *x;

	/* an image of other people's: 128-byte inodes in one, small extra_isize with attributes behind it in the other */
	assert_int_equal(shell(state, "truncate -s 16M b.img; mke2fs -q -F -t ext4 -I 128 b.img; truncate -s 16M a.img; mke2fs -q -F -t ext4 -E nodiscard a.img;"
				      "echo x >f; for i in a b; do debugfs -w -R 'write f f' $i.img; done >/dev/null 2>&1;"
				      "debugfs -w -R 'ea_set f user.key value' a.img >/dev/null 2>&1"), 0);
	for (int i = 0; i < 2; i++) {
		assert_ok(ext4_open(in_scratch(state, i ? "b.img" : "a.img"), true, &x, &e));
		assert_ok(ext4_set_meta(x, "/f", &meta, &e));
		assert_ok(ext4_put_file(x, "/g", "new", 3, &meta, &e));
		assert_ok(ext4_stat(x, "/f", true, &st, &e));
		assert_int_equal(st.meta.mode, S_IFREG | 0700);
		assert_int_equal(st.meta.mtime.s, 77);
		assert_ok(ext4_close(x, &e));
		assert_clean(state, i ? "b.img" : "a.img");
	}
	char *text = shell_text(state, "debugfs -R 'ea_get f user.key' a.img 2>/dev/null");
	assert_non_null(strstr(text, "value"));
	free(text);
}

static void old_block_maps_and_inline_data(void **state)
{
	struct ext4_meta meta = ext4_meta(0644, 0, 0, 1);
	static const char *const kinds[] = { "-t ext2 -b 1024", "-t ext3 -b 2048", "-t ext4 -O inline_data,^metadata_csum -I 512", "-t ext4 -O bigalloc -b 4096" };
	struct err e = { 0 };
	struct ext4 *x;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		assert_int_equal(shell(state, "rm -f a.img; truncate -s 64M a.img; mke2fs -q -F %s a.img 2>/dev/null", kinds[i]), 0);
		assert_ok(ext4_open(in_scratch(state, "a.img"), true, &x, &e));
		assert_ok(ext4_make_dirs(x, "/a/b", &meta, &e));
		for (int f = 0; f < 100; f++) {
			char name[64];
			snprintf(name, sizeof(name), "/a/b/file-with-some-name-%d", f);
			assert_ok(ext4_put_file(x, name, name, strlen(name), &meta, &e));
			assert_content(x, name, name);
		}
		assert_ok(ext4_symlink(x, "/l", "a/b/file-with-some-name-99", &meta, &e));
		assert_content(x, "/l", "/a/b/file-with-some-name-99");
		assert_ok(ext4_remove(x, "/a/b", &e));
		finish(state, x);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
		T(puts_files_that_others_can_read),
		T(replaces_and_removes),
		T(links_stay_inside),
		T(many_names_in_one_folder),
		T(full_is_no_space),
		T(reading_only_refuses_edits),
		T(set_meta_keeps_type_and_attributes),
		T(old_block_maps_and_inline_data),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
