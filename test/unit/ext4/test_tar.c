/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image.h"

#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

#include "ext4/fs.h"
#include "ext4/tar.h"

#define MIB (UINT64_C(1) << 20)

static char maker[4096]; /* python3 DIR/make_tar.py: meson runs tests in this folder's parent of parents */

static int import_sized(void **state, const char *name, uint64_t bytes, uint64_t inodes, const struct ext4_tar *how, struct ext4_tar_result *ret,
			struct err *e)
{
	struct ext4_mkfs mkfs = { .bytes = bytes, .inodes = inodes };
	AUTO(tar_free) struct tar_reader *tar = NULL;
	AUTO(ext4_build_free) struct ext4_build *b = NULL;
	AUTO_FD int fd = open(in_scratch(state, name), O_RDONLY | O_CLOEXEC);
	struct unpack_source from = { .fd = fd };

	if (fd < 0)
		fail_msg("no %s", name);
	if (ext4_mkfs(in_scratch(state, "a.img"), &mkfs, e) < 0 || ext4_build_new(in_scratch(state, "a.img"), &b, e) < 0 || tar_open(&from, &tar, e) < 0)
		return -1;
	if (ext4_tar_add(b, tar, how, ret, e) < 0)
		return -1;
	return ext4_build_finish(TAKE_PTR(b), false, e);
}

static int import(void **state, const char *name, struct err *e)
{
	return import_sized(state, name, 64 * MIB, 0, NULL, NULL, e);
}

static void make(void **state, const char *kind)
{
	if (shell(state, "%s %s %s.tar", maker, kind, kind) != 0)
		fail_msg("make_tar.py %s", kind);
}

/* What debugfs says about a path, or the words in it that matter. */
static void assert_debugfs(void **state, const char *request, const char *want)
{
	char *text = shell_text(state, "debugfs -R \"%s\" a.img 2>&1", request);

	if (!strstr(text, want))
		fail_msg("%s: no '%s' in: %s", request, want, text);
	free(text);
}

static void mixed_comes_out_right(void **state)
{
	struct ext4_tar_result sum;
	struct err e = { 0 };

	make(state, "mixed");
	assert_ok(import_sized(state, "mixed.tar", 64 * MIB, 0, NULL, &sum, &e));
	assert_clean(state, "a.img");
	assert_int_equal(sum.xattrs_left_out, 3);
	assert_debugfs(state, "cat /usr/lib/through", "through a link");
	assert_debugfs(state, "cat /usr/lib/through2", "through an absolute link");
	assert_debugfs(state, "cat /rooted", "leading slash");
	assert_debugfs(state, "cat /dotted", "leading dots");
	assert_debugfs(state, "cat /before", "came later");
	assert_debugfs(state, "stat /before2", "Links: 3");
	assert_debugfs(state, "stat /dup", "Size: 1\n");
	assert_debugfs(state, "cat /file-to-dir/in", "in");
	assert_debugfs(state, "cat /dir-to-file", "a file now");
	assert_debugfs(state, "cat /survivor", "deep");
	assert_debugfs(state, "stat /survivor", "Links: 1 ");
	assert_debugfs(state, "cat /sym-to-dir/own", "own");
	assert_debugfs(state, "stat /implied", "Mode:  0755");
	assert_debugfs(state, "stat /implied/parents", "Mode:  0750");
	assert_debugfs(state, "stat /", "Mode:  0711");
	assert_debugfs(state, "stat /acl-dir", "Mode:  01750");
	assert_debugfs(state, "ea_get /acl-dir user.d", "on a folder");
	assert_debugfs(state, "ea_list /acl-dir", "system.posix_acl_default (28)");
	assert_debugfs(state, "ea_list /acl-dir", "system.posix_acl_access (28)");
	assert_debugfs(state, "ea_get /capable user.a", "hello");
	assert_debugfs(state, "stat /future", "mtime: 0xa13b8600:00000002");
	assert_debugfs(state, "stat /null", "Device major/minor number: 01:03");
	assert_debugfs(state, "stat /long-sym", "Size: 2001");
}

static void the_kernel_sees_what_tar_extracts(void **state)
{
	struct err e = { 0 };

	if (!can_mount(state))
		skip();
	make(state, "mixed");
	assert_ok(import(state, "mixed.tar", &e));
	/* GNU tar, told what it does not do by itself: links to what came later, folders over files */
	char *diff = shell_text(state, "mkdir m x; mount -o loop,ro a.img m || exit 1;"
				       "tar xpf mixed.tar -C x --numeric-owner --xattrs --xattrs-include='*' --acls 2>tar.err;"
				       "list() { (cd $1; for f in null blk fifo capable acl-dir xattr-big old future long-sym sym-60 sym-59 n*n *ml* usr/lib rooted dup; do "
				       "stat -c '%%n %%F %%a %%u %%g %%y %%s %%t %%T %%N' \"$f\" | sed 's/directory.*+0000 [0-9]*/directory/'; "
				       "[ ! -f \"$f\" ] || md5sum \"$f\"; done;"
				       "python3 -c \"import os; [print(f, n, os.getxattr(f, n)) for f in ('capable', 'acl-dir', 'xattr-big') for n in "
				       "sorted(os.listxattr(f)) if n != 'user.com.apple.y']\" ); };"
				       "list m >1; list x >2; umount m; diff 1 2; wc -l <1 | awk '$1 < 20'; true");
	assert_string_equal(diff, "");
	free(diff);
}

static void folders_of_any_size_are_indexed(void **state)
{
	struct err e = { 0 };

	make(state, "folders");
	assert_ok(import_sized(state, "folders.tar", 600 * MIB, 100000, NULL, NULL, &e));
	assert_clean(state, "a.img");
	assert_debugfs(state, "htree_dump /one", "Indirect levels: 0");
	assert_debugfs(state, "htree_dump /two", "Indirect levels: 1");
	assert_debugfs(state, "stat /dirs", "Links: 1 ");
	assert_debugfs(state, "stat /one", "Flags: 0x81000"); /* extents, index */
	assert_debugfs(state, "stat /dirs/65099", "Type: directory");
	if (!can_mount(state))
		return;
	/* the kernel finds names by their hashes, adds and removes some */
	char *text = shell_text(state, "mkdir m; mount -o loop a.img m && cat m/one/file-000000 m/one/file-002999 && "
				       "ls m/two | wc -l && ls -d m/two/00000x* m/two/08999x* m/dirs/64999 | wc -l && "
				       "for i in $(seq 500); do echo $i >m/one/new-$i; done && rm m/one/file-0000* && ls m/one | wc -l; umount m");
	assert_string_equal(text, "029999000\n3\n3400");
	free(text);
	assert_clean(state, "a.img");
}

static void sparse_files_stay_sparse(void **state)
{
	static const char *const formats[] = { "--format=gnu", "--format=pax --sparse-version=0.0", "--format=pax --sparse-version=0.1",
					       "--format=pax --sparse-version=1.0" };
	struct err e = { 0 };

	/* islands at odd places, data at the end, only a hole, and so many pieces that they need a tree of extents of two levels */
	assert_int_equal(shell(state, "python3 -c \"\n"
				      "f = open('islands', 'wb')\n"
				      "for at in (5, 4095, 100000, 1234567, 8000001): f.seek(at); f.write(b'%%d' %% at)\n"
				      "f = open('tail', 'wb'); f.seek((1 << 33) + 4097); f.write(b'end')\n"
				      "open('hole', 'wb').truncate(12345678)\n"
				      "f = open('many', 'wb')\n"
				      "for i in range(3000): f.seek(i * 12288); f.write(b'x' * 4096)\n\""), 0);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		assert_int_equal(shell(state, "tar cSf s.tar %s islands tail hole many", formats[i]), 0);
		assert_ok(import(state, "s.tar", &e));
		assert_clean(state, "a.img");
		assert_debugfs(state, "stat /hole", "Blockcount: 0");
		assert_debugfs(state, "stat /tail", "Size: 8589938692");
		assert_debugfs(state, "stat /tail", "Blockcount: 8\n");
		char *text = shell_text(state, "for f in islands hole many; do debugfs -R \"dump /$f out\" a.img 2>/dev/null; cmp $f out; done; true");
		assert_string_equal(text, "");
		free(text);
	}
}

static void refused(void **state, const char *kind, enum err_code code, const char *word)
{
	char name[64];
	struct err e = { 0 };

	snprintf(name, sizeof(name), "%s.tar", kind);
	make(state, kind);
	if (import_sized(state, name, 8 * MIB, 0, NULL, NULL, &e) == 0 || e.code != code || !strstr(e.msg, word))
		fail_msg("%s: %s (%s)", kind, e.msg, err_code_name(e.code));
}

static void names_that_lead_out_are_refused(void **state)
{
	refused(state, "dotdot", ERR_INVALID, "'a/../../b' has '..' in it");
	refused(state, "dotdot-end", ERR_INVALID, "has '..' in it");
	refused(state, "link-dotdot", ERR_INVALID, "'../../etc/passwd' has '..' in it");
	refused(state, "link-nowhere", ERR_INVALID, "hard link 'a' is to 'nowhere', which is not there");
	refused(state, "link-dir", ERR_INVALID, "hard link 'a' to 'd', which is a folder");
	refused(state, "link-root", ERR_INVALID, "hard link 'a' to '/'");
	refused(state, "sym-loop", ERR_INVALID, "'l/x' leads through symlinks without end");
	refused(state, "below-file", ERR_INVALID, "'good/x' is below 'good', which is not a folder");
	refused(state, "root-file", ERR_INVALID, "is the root");
	refused(state, "long-name", ERR_INVALID, "has a name longer than 255 bytes");
	refused(state, "long-path", ERR_INVALID, "is longer than 4095 bytes");
	refused(state, "empty-sym", ERR_INVALID, "symlink 's'");
	refused(state, "big-xattr", ERR_INVALID, "user.big");
	refused(state, "bad-acl", ERR_INVALID, "'x' has a malformed ACL");
	refused(state, "big-uid", ERR_INVALID, "'x' belongs to user");
}

static void full_images_say_so(void **state)
{
	struct err e = { 0 };

	refused(state, "space", ERR_NO_SPACE, "write 'big' into image");
	refused(state, "inodes", ERR_NO_SPACE, "into image");
	assert_int_equal(import_sized(state, "inodes.tar", 8 * MIB, 3100, NULL, NULL, &e), 0);
	assert_clean(state, "a.img");
}

static void the_hosts_full_disk_says_so(void **state)
{
	struct err e = { 0 };

	if (!can_mount(state))
		skip();
	make(state, "space");
	assert_int_equal(shell(state, "truncate -s 8M small.img; mke2fs -q -F small.img; mkdir small; mount -o loop small.img small; ln -s small/a.img a.img"), 0);
	int r = import(state, "space.tar", &e);
	shell(state, "umount small");
	assert_int_equal(r, -1);
	assert_int_equal(e.code, ERR_NO_SPACE);
	assert_string_equal(e.hint, ""); /* what to free is for those who know the folder */
}

static void all_compressions_and_their_damage(void **state)
{
	static const char *const kinds[] = { "cat", "gzip", "xz", "zstd -q", "lz4 -q", "bzip2", "lzma" };
	struct err e = { 0 };

	make(state, "mixed");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (shell(state, "command -v %s >/dev/null", kinds[i]) != 0)
			continue;
		assert_int_equal(shell(state, "(cat mixed.tar; head -c 300000 /dev/zero) | %s >c", kinds[i]), 0);
		assert_ok(import(state, "c", &e));
		assert_debugfs(state, "cat /dir-to-file", "a file now");
		assert_int_equal(shell(state, "n=$(stat -c %%s c); head -c $((%d * n / 10)) c >cut; head -c $((n - 6)) c >cut2", i ? 5 : 1), 0);
		assert_err(import(state, "cut", &e), ERR_CORRUPT);
		if (i) { /* the last bytes are a checksum */
			assert_err(import(state, "cut2", &e), ERR_CORRUPT);
			assert_int_equal(shell(state, "python3 -c \"b = bytearray(open('c', 'rb').read()); b[len(b) // 2] ^= 0x55; open('bad', 'wb').write(b)\""), 0);
			if (strcmp(kinds[i], "lzma")) /* which has none */
				assert_err(import(state, "bad", &e), ERR_CORRUPT);
		}
	}
	/* several members, several frames */
	assert_int_equal(shell(state, "head -c 100000 mixed.tar >1; tail -c +100001 mixed.tar >2; (gzip <1; gzip <2) >c.gz; (zstd -q <1; zstd -q <2) >c.zst;"
				      "(xz <1; xz <2) >c.xz; (gzip <mixed.tar; echo garbage) >g.gz"), 0);
	assert_ok(import(state, "c.gz", &e));
	assert_ok(import(state, "c.zst", &e));
	assert_ok(import(state, "c.xz", &e));
	assert_ok(import(state, "g.gz", &e));
}

static void what_is_no_tar(void **state)
{
	struct err e = { 0 };

	assert_int_equal(shell(state, "head -c 100000 /dev/urandom >random; : >empty; echo hello >text; head -c 10240 /dev/zero >zeros;"
				      "zip -q z.zip text 2>/dev/null || cp random z.zip; echo x | gzip >x.gz"), 0);
	assert_err(import(state, "random", &e), ERR_INVALID);
	assert_err(import(state, "empty", &e), ERR_INVALID);
	assert_err(import(state, "text", &e), ERR_INVALID);
	assert_err(import(state, "z.zip", &e), ERR_INVALID);
	assert_err(import(state, "x.gz", &e), ERR_INVALID);
	assert_ok(import(state, "zeros", &e)); /* an archive without entries */
	assert_clean(state, "a.img");
	make(state, "mixed");
	/* cut behind an entry: nothing but the missing end mark shows it */
	assert_int_equal(shell(state, "head -c 1024 mixed.tar >cut"), 0);
	assert_err(import(state, "cut", &e), ERR_CORRUPT);
}

static const char *only_lib(void *arg, const struct tar_entry *in)
{
	return strncmp(in->path, "usr/lib", 7) ? NULL : in->path + 4;
}

static void count(void *arg, const struct ext4_tar_progress *now)
{
	*(struct ext4_tar_progress *)arg = *now;
}

static void names_can_be_chosen(void **state)
{
	struct ext4_tar_progress last = { 0 };
	struct ext4_tar how = { .place = only_lib, .progress = count, .arg = &last };
	struct err e = { 0 };

	assert_int_equal(shell(state, "mkdir -p usr/lib etc; echo 1 >usr/lib/a; echo 2 >etc/b; tar cf c.tar usr etc"), 0);
	assert_ok(import_sized(state, "c.tar", 8 * MIB, 0, &how, NULL, &e));
	assert_clean(state, "a.img");
	assert_int_equal(last.entries, 5);
	assert_int_equal(last.content_bytes, 2);
	assert_int_equal(last.consumed_bytes, 10240);
	char *text = shell_text(state, "debugfs -R 'ls -p /' a.img 2>/dev/null | cut -d/ -f6 | sort | tr '\\n' ' '; debugfs -R 'cat lib/a' a.img 2>/dev/null");
	assert_string_equal(text, " . .. lib lost+found 1");
	free(text);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
		T(mixed_comes_out_right),
		T(the_kernel_sees_what_tar_extracts),
		T(folders_of_any_size_are_indexed),
		T(sparse_files_stay_sparse),
		T(names_that_lead_out_are_refused),
		T(full_images_say_so),
		T(the_hosts_full_disk_says_so),
		T(all_compressions_and_their_damage),
		T(what_is_no_tar),
		T(names_can_be_chosen),
	};
	char folder[3000];

	setlocale(LC_CTYPE, "C.UTF-8");
	if (!getcwd(folder, sizeof(folder)))
		return 1;
	snprintf(maker, sizeof(maker), "python3 %s/%s", folder, "unit/ext4/make_tar.py");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
