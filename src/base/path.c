/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"

enum { TREE_DEPTH_MAX = 64 };

int path_make_dirs(const char *path, mode_t mode, struct err *e)
{
	AUTO_MEM char *copy = mem_strdup(path);

	for (char *at = copy + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = 0;
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			return err_sys(e, errno, "make folder '%s'", copy);
		*at = '/';
	}
	if (mkdir(copy, mode) < 0 && errno != EEXIST)
		return err_sys(e, errno, "make folder '%s'", copy);
	return 0;
}

char *path_dirname(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return mem_strdup(".");
	return slash == path ? mem_strdup("/") : mem_strndup(path, (size_t)(slash - path));
}

int path_sync_dir(const char *path, struct err *e)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_sys(e, errno, "sync folder '%s'", path);
	return 0;
}

static MUST int replace(const char *path, const void *data, size_t n, mode_t mode, bool sync, struct err *e)
{
	AUTO_MEM char *temp = mem_printf("%s.new", path);
	AUTO_FD int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
	int rc;

	if (fd < 0)
		return err_sys(e, errno, "write '%s'", temp);
	rc = fd_write_all(fd, data, n, FD_FOREVER, e);
	if (rc == 0 && sync && fsync(fd) < 0)
		rc = err_sys(e, errno, "sync '%s'", temp);
	if (rc == 0 && rename(temp, path) < 0)
		rc = err_sys(e, errno, "rename '%s'", temp);
	if (rc < 0)
		unlink(temp);
	return rc;
}

int path_write_whole(const char *path, const void *data, size_t n, mode_t mode, struct err *e)
{
	return replace(path, data, n, mode, false, e);
}

int path_write_atomic(const char *path, const void *data, size_t n, mode_t mode, struct err *e)
{
	AUTO_MEM char *dir = path_dirname(path);

	return replace(path, data, n, mode, true, e) < 0 ? -1 : path_sync_dir(dir, e);
}

int path_remove(const char *path, struct err *e)
{
	if (unlink(path) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove '%s'", path);
	return 0;
}

static MUST int remove_below(int dir_fd, const char *name, dev_t dev, int depth, struct err *e)
{
	AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "open '%s'", name);
	if (st.st_dev != dev)
		return err_set(e, ERR_STATE, "'%s' is a mount point", name);
	if (depth > TREE_DEPTH_MAX)
		return err_set(e, ERR_INVALID, "'%s' is nested too deep", name);
	int copy = dup(fd);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	if (!d) {
		auto_fd_close(&copy);
		return err_sys(e, errno, "open '%s'", name);
	}
	int rc = 0;
	for (struct dirent *de; rc == 0 && (de = readdir(d));) {
		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, de->d_name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno != EISDIR && errno != EPERM)
			rc = err_sys(e, errno, "remove '%s'", de->d_name);
		else if (remove_below(fd, de->d_name, dev, depth + 1, e) < 0)
			rc = -1;
	}
	closedir(d);
	if (rc == 0 && unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		rc = err_sys(e, errno, "remove '%s'", name);
	return rc;
}

int path_remove_tree(const char *path, struct err *e)
{
	struct stat st;

	if (lstat(path, &st) < 0) {
		if (errno == ENOENT)
			return 0;
		return err_sys(e, errno, "remove '%s'", path);
	}
	if (!S_ISDIR(st.st_mode))
		return path_remove(path, e);
	if (remove_below(AT_FDCWD, path, st.st_dev, 0, e) < 0)
		return err_wrap(e, "remove '%s'", path);
	return 0;
}
