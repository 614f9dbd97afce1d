/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image.h"

#include <string.h>
#include <sys/stat.h>

#include "ext4/copy.h"
#include "ext4/fs.h"

#define MIB (UINT64_C(1) << 20)

static int copy(void **state, const char *from_path, const char *to_path, struct err *e)
{
	AUTO(ext4_free) struct ext4 *from = NULL;
	AUTO(ext4_build_free) struct ext4_build *b = NULL;
	struct ext4_mkfs how = { .bytes = 64 * MIB };

	if (ext4_open(in_scratch(state, "a.img"), false, &from, e) < 0 || ext4_mkfs(in_scratch(state, "b.img"), &how, e) < 0 ||
	    ext4_build_new(in_scratch(state, "b.img"), &b, e) < 0)
		return -1;
	if (ext4_copy_tree(from, from_path, b, to_path, e) < 0)
		return -1;
	return ext4_build_finish(TAKE_PTR(b), true, e);
}

/* A tree with everything in it, made by the kernel; b.img must then be the same by tar's and find's account. */
static void copies_as_the_kernel_sees_it(void **state)
{
	struct err e = { 0 };
	uint64_t bytes, inodes;
	struct ext4 *x;

	if (!can_mount(state))
		skip();
	assert_int_equal(shell(state, "truncate -s 64M a.img; mke2fs -q -F -t ext4 -b 4096 a.img; mkdir m n; mount -o loop a.img m && cd m && mkdir -p root/d/e && "
				      "chmod 700 root && chown 5:6 root && echo hi >root/f && ln root/f root/d/hard && ln -s ../f root/d/sym && "
				      "ln -s $(printf '%%0200d' 1) root/long && mknod root/null c 1 3 && mknod root/blk b 259 70000 && mkfifo root/fifo && "
				      "truncate -s 9M root/sparse && printf x | dd of=root/sparse bs=1 seek=5000000 conv=notrunc 2>/dev/null && "
				      "head -c 3000000 /dev/urandom >root/big && chmod 4755 root/big && "
				      "python3 -c \"import os; os.setxattr('root/d', 'user.a', b'b'); os.setxattr('root/f', 'trusted.t', b'1' * 300);"
				      "os.setxattr('root/d', 'system.posix_acl_default', bytes.fromhex('02000000' '01000700ffffffff' '02000500e8030000' '04000500ffffffff' "
				      "'10000700ffffffff' '20000000ffffffff'))\" && "
				      "touch -d '2001-02-03 04:05:06.123456789' root/f root/d root; touch -d '2200-01-01 00:00:00.5' root/big; chown 70000:80000 root/big; "
				      "cd ..; umount m"), 0);
	assert_ok(copy(state, "/root", "/", &e));
	assert_clean(state, "b.img");
	char *diff = shell_text(state, "mount -o loop,ro a.img m && mount -o loop,ro b.img n || exit 1;"
				       "list() { (cd $1; find . -path ./lost+found -prune -o -printf '%%p %%y %%m %%U %%G %%s %%T@ %%l %%n\\n' | grep -v '^\\. ' | sort;"
				       " stat -c '%%a %%u %%g %%y' . ; find . -type f ! -path './lost*' -exec md5sum {} + | sort; find . -type b -o -type c | xargs stat -c '%%n %%t %%T' | sort;"
				       " python3 -c \"import os; [print(f, n, os.getxattr(f, n)) for f in ('d', 'f', 'big') for n in os.listxattr(f)]\"; stat -c '%%b' sparse); };"
				       "list m/root >1; list n >2; umount m n; diff 1 2; wc -l <1 | awk '$1 < 20'; true");
	assert_string_equal(diff, "");
	free(diff);
	assert_ok(ext4_open(in_scratch(state, "a.img"), false, &x, &e));
	assert_ok(ext4_measure_tree(x, "/root", &bytes, &inodes, &e));
	assert_in_range(inodes, 11, 13);
	assert_in_range(bytes, 3000000, 3200000);
	ext4_free(x);
	assert_ok(copy(state, "/root", "/deep/er", &e));
	assert_clean(state, "b.img");
	assert_err(copy(state, "/none", "/", &e), ERR_NOT_FOUND);
	assert_err(copy(state, "/root/f", "/", &e), ERR_INVALID);
}

static void an_own_ancestor_ends(void **state)
{
	struct err e = { 0 };

	/* a second name for a folder inside itself */
	assert_int_equal(shell(state, "truncate -s 16M a.img; mke2fs -q -F -t ext4 a.img; (echo mkdir d; echo cd d; echo 'ln /d again') | debugfs -w a.img >/dev/null 2>&1"), 0);
	assert_int_equal(copy(state, "/", "/", &e), -1); /* by its depth or by the length of its names */
	assert_true(e.code == ERR_CORRUPT || e.code == ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
		T(copies_as_the_kernel_sees_it),
		T(an_own_ancestor_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
