/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/initrd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "kernel/import.h"
#include "kfile/initrd.h"

#define PREFIX "initrd-"
#define TEMPORARY "initrd.new"
#define TAIL_MAX ((size_t)256 << 20)

int kernel_initrd_name(int binary_fd, char ret[static KERNEL_INITRD_NAME_SIZE], struct err *e)
{
	uint8_t sum[DIGEST_BYTES];
	char hex[DIGEST_HEX_SIZE];

	if (lseek(binary_fd, 0, SEEK_SET) < 0)
		return err_sys(e, errno, "read the binary");
	if (digest_fd(binary_fd, sum, e) < 0)
		return -1;
	snprintf(ret, KERNEL_INITRD_NAME_SIZE, PREFIX "%.16s", digest_hex(sum, hex));
	return 0;
}

static bool exists(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Older builds' initrds; a VM that was started with one has it open. */
static void remove_others(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (struct dirent *de; (de = readdir(d));)
		if (str_starts(de->d_name, PREFIX) && strcmp(de->d_name, name))
			unlinkat(dir_fd, de->d_name, 0);
	closedir(d);
}

/* A kernel without modules has no tail; its list of modules is empty. */
static MUST int write_tail(int dir_fd, int out_fd, struct err *e)
{
	AUTO_MEM char *data = NULL;
	AUTO_DONE(str_done) struct str end = STR_INIT;
	size_t n;

	if (exists(dir_fd, KERNEL_INITRD_TAIL)) {
		if (fd_read_file(dir_fd, KERNEL_INITRD_TAIL, TAIL_MAX, &data, &n, e) < 0)
			return -1;
		return fd_write_all(out_fd, data, n, FD_FOREVER, e);
	}
	kfile_initrd_add(&end, INITRD_ORDER, S_IFREG | 0644, NULL, 0, 0, 0);
	kfile_initrd_end(&end);
	return fd_write_all(out_fd, end.data, end.len, FD_FOREVER, e);
}

static MUST int make(int dir_fd, int binary_fd, const char *name, struct err *e)
{
	AUTO_FD int fd = openat(dir_fd, TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);

	if (fd < 0)
		return err_sys(e, errno, "create '" TEMPORARY "'");
	if (kfile_initrd_write_head(fd, binary_fd, e) < 0 || write_tail(dir_fd, fd, e) < 0)
		return -1;
	if (fsync(fd) < 0 || renameat(dir_fd, TEMPORARY, dir_fd, name) < 0)
		return err_sys(e, errno, "write '%s'", name);
	remove_others(dir_fd, name);
	return 0;
}

int kernel_initrd(const char *dir, int binary_fd, const char *name, struct err *e)
{
	AUTO_FD int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir_fd < 0)
		return err_sys(e, errno, "open '%s'", dir);
	if (exists(dir_fd, name))
		return 0;
	if (flock(dir_fd, LOCK_EX) < 0)
		return err_sys(e, errno, "lock '%s'", dir);
	if (exists(dir_fd, name)) /* made by another while this one waited */
		return 0;
	if (make(dir_fd, binary_fd, name, e) < 0) {
		unlinkat(dir_fd, TEMPORARY, 0);
		return err_wrap(e, "make the initrd in '%s'", dir);
	}
	return 0;
}
