/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An edit is killed before one of its system calls after the other, by ptrace, and every time the store can be read and its root is the old or the new. */
#include "joined.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "disk/store.h"

enum { FAR = 5 };

/* Two files that change together, one of them more than one block. */
static int edit(void **state)
{
	static char big[9000];
	struct ext4_meta meta = ext4_meta(0644, 0, 0, 1);
	struct disk_cow *c;
	struct err e = { 0 };
	struct ext4 *x;

	memset(big, 'n', sizeof(big));
	return disk_cow_open(in_scratch(state, "a.img"), in_scratch(state, "a.store"), JOINED_BYTES, true, &c, &e) < 0 || ext4_cow_open(c, true, &x, &e) < 0 ||
	       ext4_put_file(x, "/etc/passwd", "new", 3, &meta, &e) < 0 || ext4_put_file(x, "/etc/big", big, sizeof(big), &meta, &e) < 0 ||
	       ext4_close(x, &e) < 0;
}

static bool changes_files(pid_t pid)
{
	struct user_regs_struct r;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &r) < 0)
		return false;
	switch (r.orig_rax) {
	case SYS_pwrite64:
	case SYS_write:
	case SYS_fdatasync:
	case SYS_fsync:
	case SYS_fallocate:
	case SYS_ftruncate:
	case SYS_unlink:
	case SYS_unlinkat:
	case SYS_rename:
		return true;
	default:
		return false;
	}
}

/* True when it had not so many calls and ended well. */
static bool edit_until(void **state, unsigned calls)
{
	pid_t pid = fork();
	bool entry = true;
	int status;

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(edit(state));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status));
	for (;;) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), 0);
			return true;
		}
		assert_true(WIFSTOPPED(status));
		if (entry && changes_files(pid) && calls-- == 0)
			break;
		entry = !entry;
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return false;
}

/* The store as the kill left it, before anybody finishes the edit: a kernel would take it. */
static void assert_valid(void **state)
{
	AUTO_FD int fd = open(in_scratch(state, "a.store"), O_RDONLY);
	struct disk_store s;
	struct err e = { 0 };

	assert_ok(disk_store_check(fd, JOINED_BYTES, &s, &e));
	assert_true(s.fresh || s.valid);
}

/* True for the new root, judged by e2fsck and debugfs; the old one is the old store to the byte. */
static bool look(void **state)
{
	struct err e = { 0 };
	bool healed;

	assert_ok(disk_store_heal(in_scratch(state, "a.store"), JOINED_BYTES, &healed, &e));
	assert_int_equal(access(in_scratch(state, "a.store.edit"), F_OK), -1);
	if (shell(state, "cmp -s a.store begin.store") == 0)
		return false;
	joined_merge(state);
	AUTO_MEM char *small = joined_cat(state, "/etc/passwd");
	AUTO_MEM char *big = joined_cat(state, "/etc/big");
	assert_string_equal(small, "new");
	assert_int_equal(strlen(big), 9000);
	return true;
}

/* Before each of its calls; of those before it is complete, of which most write to its own file, only some until the last. */
static void kill_everywhere(void **state)
{
	unsigned calls = 0, news = 0, olds = 0, step = FAR;
	bool done;

	joined_merge(state);
	do {
		assert_int_equal(shell(state, "cp --sparse=always begin.store a.store"), 0);
		done = edit_until(state, calls);
		assert_valid(state);
		if (!look(state)) {
			olds++;
		} else if (step == FAR) {
			calls -= FAR;
			step = 1;
		} else {
			news++;
		}
		calls += step;
		assert_true(calls < 1000);
	} while (!done);
	print_message("killed in %u calls: %u times the old root, %u times the new\n", calls - 1, olds, news);
	assert_true(olds > 10 && news > 10);
}

static void in_a_fresh_store(void **state)
{
	joined_make(state);
	assert_int_equal(shell(state, "cp --sparse=always a.store begin.store"), 0);
	kill_everywhere(state);
}

/* It has been edited before, and its table is nearly full: some chunks are overwritten in place, others go into the next area. */
static void in_a_used_store(void **state)
{
	struct err e = { 0 };

	joined_make(state);
	struct disk_cow *c = joined_open(state, true);
	for (uint64_t i = 0; i < 250; i++)
		assert_ok(disk_cow_write(c, "x", 1, JOINED_BYTES - (i + 1) * 4096, &e)); /* behind the file system */
	uint8_t block[4096];
	assert_ok(disk_cow_read(c, block, sizeof(block), 0, &e));
	assert_ok(disk_cow_write(c, block, sizeof(block), 0, &e)); /* the superblock's chunk is there */
	assert_ok(disk_cow_commit(c, &e));
	disk_cow_free(c);
	assert_int_equal(shell(state, "cp --sparse=always a.store begin.store"), 0);
	kill_everywhere(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(in_a_fresh_store, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(in_a_used_store, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
