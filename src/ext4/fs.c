/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Superblock facts, and e2fsck and resize2fs as functions. The checker exits, prints and keeps static state: it runs in a forked child. */
#include "ext4/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uuid/uuid.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "disk/cow.h"
#include "ext4/ext4_internal.h"

/* What a check may take: hundreds of times what a large image needs, and an end for one that is made to take for ever. Not CPU time:
 * e2fsck 1.47 can wait for a lock of its own after a failed read. */
#define FSCK_MS(bytes) (INT64_C(20000) + (int64_t)((bytes) >> 16))
#define REPORT_MAX 8192 /* bytes of the checker's output kept; the rest is read and dropped */

/* From e2fsprogs, whose programs have no headers: main of e2fsck, and resize2fs's work (it closes and frees fs on success). */
int e2fsck_main(int argc, char **argv);
struct ext2_resize_struct;
errcode_t resize_fs(ext2_filsys fs, blk64_t *new_size, int flags,
		    errcode_t (*progress)(struct ext2_resize_struct *, int, unsigned long, unsigned long));
enum { FSCK_FIXED = 1 | 2, FSCK_FAILED = 8 }; /* of its exit status */

static enum ext4_health health_of(ext2_filsys fs)
{
	return ext4_fs_damaged(fs) ? EXT4_DAMAGED : ext4_fs_dirty(fs) ? EXT4_DIRTY : EXT4_CLEAN;
}

int ext4_at_info(const struct ext4_at *at, struct ext4_info *ret, struct err *e)
{
	ext2_filsys fs;

	if (ext4_fs_peek(at, &fs, e) < 0)
		return -1;
	*ret = (struct ext4_info){
		.bytes = ext2fs_blocks_count(fs->super) * fs->blocksize,
		.free_bytes = ext2fs_free_blocks_count(fs->super) * fs->blocksize,
		.inodes = fs->super->s_inodes_count,
		.free_inodes = fs->super->s_free_inodes_count,
		.block_bytes = fs->blocksize,
		.health = health_of(fs),
		.has_journal = ext2fs_has_feature_journal(fs->super),
	};
	memcpy(ret->label, fs->super->s_volume_name, EXT4_LABEL_MAX);
	uuid_unparse_lower(fs->super->s_uuid, ret->uuid);
	ext2fs_free(fs);
	return 0;
}

void __lsan_disable(void) __attribute__((weak)); /* of sanitizer builds */

static _Noreturn void run_e2fsck(const char *mode, const struct ext4_at *at, int out_fd)
{
	struct rlimit no_core = { 0, 0 };
	struct err e = { 0 };
	char name[] = "e2fsck", flags[8];
	char *copy = mem_strdup(at->path);
	char *argv[] = { name, flags, copy, NULL };

	snprintf(flags, sizeof(flags), "%s", mode);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_CORE, &no_core);
	signal(SIGPIPE, SIG_DFL);
	if (__lsan_disable) /* its own leaks must not become its exit status in sanitizer builds */
		__lsan_disable();
	/* what the parent had not yet written is the parent's */
	__fpurge(stdout);
	__fpurge(stderr);
	if (dup2(out_fd, 1) < 0 || dup2(out_fd, 2) < 0)
		_exit(8);
	if (at->cow) /* the checker names this one manager only; its one question of the file itself, how large, any store answers well enough */
		unix_io_manager = ext4_cow_io(at->cow);
	int status = e2fsck_main(3, argv);
	if (at->cow && disk_cow_writable(at->cow) && !(status & ~FSCK_FIXED) && disk_cow_commit(at->cow, &e) < 0) {
		printf("%s\n", e.msg);
		status = FSCK_FAILED;
	}
	fflush(NULL);
	_exit(status);
}

/* Keeps the beginning of what fd gives until its end. */
static int read_report(int fd, int64_t deadline_ms, struct str *out, struct err *e)
{
	char buf[4096];
	ssize_t n;

	for (;;) {
		if (fd_wait(fd, POLLIN, deadline_ms, e) < 0)
			return -1;
		n = read(fd, buf, sizeof(buf));
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return err_sys(e, errno, "read the checker's report");
		if (n == 0)
			return 0;
		if (out->len < REPORT_MAX)
			str_add_bytes(out, buf, (size_t)n);
	}
}

static int fsck(const char *mode, const struct ext4_at *at, uint64_t bytes, int *ret_exit, struct str *out, struct err *e)
{
	int pipe_fds[2], status, r;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_sys(e, errno, "make a pipe");
	AUTO_FD int read_fd = pipe_fds[0];
	AUTO_FD int write_fd = pipe_fds[1];
	pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "fork");
	if (pid == 0)
		run_e2fsck(mode, at, write_fd);
	close(TAKE_FD(write_fd));
	r = read_report(read_fd, time_now_ms() + FSCK_MS(bytes), out, e);
	if (r < 0)
		kill(pid, SIGKILL);
	if (r < 0 && e->code == ERR_TIMEOUT) { /* below it counts as crashed */
		err_clear(e);
		r = 0;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return err_wrap(e, "check '%s'", at->path);
	if (!WIFEXITED(status))
		str_add(out, "the checker crashed or found no end on it\n");
	*ret_exit = WIFEXITED(status) ? WEXITSTATUS(status) : FSCK_FAILED;
	return 0;
}

/* The first line of a report that is a complaint: not the program's name, a pass or the question's answer. */
static char *first_complaint(const char *report)
{
	while (*report) {
		size_t n = strcspn(report, "\n");
		if (n && !str_starts(report, "e2fsck ") && !str_starts(report, "Pass ") && !memmem(report, n, "check forced", 12))
			return mem_strndup(report, n);
		report += n + (report[n] != 0);
	}
	return mem_strdup("");
}

int ext4_at_check(const struct ext4_at *at, enum ext4_health *ret, char **ret_first, struct err *e)
{
	AUTO_DONE(str_done) struct str out = STR_INIT;
	enum ext4_health health;
	ext2_filsys fs;
	uint64_t bytes;
	int status;

	if (ext4_fs_peek(at, &fs, e) < 0) {
		if (e->code != ERR_CORRUPT && e->code != ERR_INVALID)
			return -1;
		if (ret_first)
			*ret_first = mem_strdup(e->msg);
		err_clear(e);
		*ret = EXT4_DAMAGED;
		return 0;
	}
	health = health_of(fs);
	bytes = ext2fs_blocks_count(fs->super) * fs->blocksize;
	ext2fs_free(fs);
	if (fsck("-fn", at, bytes, &status, &out, e) < 0)
		return -1;
	if (status && health == EXT4_CLEAN)
		health = EXT4_DAMAGED;
	if (ret_first)
		*ret_first = health == EXT4_CLEAN ? mem_strdup("") : first_complaint(out.data ? out.data : "");
	*ret = health;
	return 0;
}

int ext4_at_replay(const struct ext4_at *at, struct err *e)
{
	AUTO_DONE(str_done) struct str out = STR_INIT;
	AUTO_MEM char *first = NULL;
	enum ext4_health health;
	ext2_filsys fs;
	uint64_t bytes;
	int status;

	if (ext4_fs_peek(at, &fs, e) < 0)
		return -1;
	health = health_of(fs);
	bytes = ext2fs_blocks_count(fs->super) * fs->blocksize;
	ext2fs_free(fs);
	if (health == EXT4_CLEAN)
		return 0;
	/* a joined root is committed once the checker has returned: only with -f it does not exit by itself where there is no more to do */
	if (fsck(at->cow ? "-fp" : "-p", at, bytes, &status, &out, e) < 0)
		return -1;
	if (!(status & ~FSCK_FIXED))
		return at->cow ? disk_cow_reload(at->cow, e) : 0;
	first = first_complaint(out.data ? out.data : "");
	err_set(e, ERR_CORRUPT, "image '%s' needs a repair: %.200s", at->path, first);
	return at->cow ? -1 : err_hint(e, "repair it with: e2fsck -f %s", at->path);
}

int ext4_info(const char *path, struct ext4_info *ret, struct err *e)
{
	return ext4_at_info(&(struct ext4_at){ path, NULL }, ret, e);
}

int ext4_check(const char *path, enum ext4_health *ret, char **ret_first, struct err *e)
{
	return ext4_at_check(&(struct ext4_at){ path, NULL }, ret, ret_first, e);
}

int ext4_replay(const char *path, struct err *e)
{
	return ext4_at_replay(&(struct ext4_at){ path, NULL }, e);
}

int ext4_grow(const char *path, uint64_t bytes, struct err *e)
{
	struct ext4_info info;
	ext2_filsys fs;
	blk64_t blocks;
	errcode_t r;

	if (ext4_info(path, &info, e) < 0)
		return -1;
	if (bytes > EXT4_MAX_BYTES)
		return err_set(e, ERR_INVALID, "grow '%s': a file system cannot have %llu bytes", path, (unsigned long long)bytes);
	blocks = bytes / info.block_bytes;
	if (blocks <= info.bytes / info.block_bytes)
		return 0;
	if (ext4_fs_open(&(struct ext4_at){ path, NULL }, true, &fs, e) < 0)
		return -1;
	if (ext2fs_has_feature_sparse_super2(fs->super)) { /* resize_fs may exit on those */
		ext2fs_free(fs);
		return err_set(e, ERR_INVALID, "image '%s' uses sparse_super2, which cannot be grown", path);
	}
	if (truncate(path, (off_t)(blocks * info.block_bytes)) < 0) {
		ext2fs_free(fs);
		return err_sys(e, errno, "grow '%s'", path);
	}
	r = resize_fs(fs, &blocks, 0, NULL);
	if (!r)
		return 0;
	ext4_fail(e, r, "grow '%s'", path);
	ext2fs_free(fs);
	return -1;
}
