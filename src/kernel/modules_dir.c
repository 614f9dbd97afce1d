/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/modules_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "kfile/modinfo.h"

#define DEPTH_MAX 32
#define PATH_BYTES_MAX 4096

struct walk {
	modules_dir_fn fn;
	void *arg;
};

struct name_list {
	char **v;
	size_t n;
};

static void name_list_done(struct name_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static MUST int list_names(int dir_fd, struct name_list *ret, struct err *e)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (!d) {
		int sys = errno;
		if (fd >= 0)
			close(fd);
		return err_sys(e, sys, "read the modules' folder");
	}
	for (struct dirent *de; (de = readdir(d));) {
		if (de->d_name[0] == '.')
			continue;
		ret->v = mem_grow(ret->v, ret->n, sizeof(*ret->v));
		ret->v[ret->n++] = mem_strdup(de->d_name);
	}
	closedir(d);
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_name);
	return 0;
}

/* What an import takes; the rest (indexes, sources, debug files) would only be read for nothing. */
static bool is_wanted(const char *path)
{
	return kfile_modinfo_is_module(path) || str_starts(path, "modules.");
}

static MUST int read_dir(const struct walk *w, int dir_fd, const char *prefix, int depth, struct err *e);

static MUST int read_one(const struct walk *w, int dir_fd, const char *name, const char *path, int depth, struct err *e)
{
	struct stat st;
	AUTO_MEM char *data = NULL;
	size_t n;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "read '%s'", path);
	if (S_ISDIR(st.st_mode)) {
		AUTO_FD int sub = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub < 0)
			return err_sys(e, errno, "read '%s'", path);
		return read_dir(w, sub, path, depth + 1, e);
	}
	if (!S_ISREG(st.st_mode) || !is_wanted(path))
		return 0;
	if (fd_read_file(dir_fd, name, KFILE_MODULE_MAX, &data, &n, e) < 0)
		return -1;
	return w->fn(w->arg, path, st.st_mtime, data, n, e);
}

static MUST int read_dir(const struct walk *w, int dir_fd, const char *prefix, int depth, struct err *e)
{
	AUTO_DONE(name_list_done) struct name_list names = { 0 };

	if (depth > DEPTH_MAX || strlen(prefix) > PATH_BYTES_MAX)
		return err_set(e, ERR_INVALID, "'%s' lies too deep", prefix);
	if (list_names(dir_fd, &names, e) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		AUTO_MEM char *path = mem_printf("%s%s%s", prefix, *prefix ? "/" : "", names.v[i]);
		if (read_one(w, dir_fd, names.v[i], path, depth, e) < 0)
			return -1;
	}
	return 0;
}

/* The folder itself if it looks like one of modules, else what lies below it for the release. */
static MUST int find_dir(int dir_fd, const char *release, int *ret_fd, struct err *e)
{
	static const char *const places[] = { "lib/modules/", "usr/lib/modules/", "" };
	struct stat st;

	if (fstatat(dir_fd, "modules.order", &st, 0) == 0 || fstatat(dir_fd, "kernel", &st, 0) == 0) {
		*ret_fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		return *ret_fd < 0 ? err_sys(e, errno, "read the modules") : 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		AUTO_MEM char *path = mem_printf("%s%s", places[i], release);
		*ret_fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (*ret_fd >= 0)
			return 0;
	}
	err_set(e, ERR_INVALID, "folder holds no modules for '%s'", release);
	return err_hint(e, "give the folder lib/modules/%s that belongs to this kernel", release);
}

int kernel_modules_dir_read(int dir_fd, const char *release, modules_dir_fn fn, void *arg, struct err *e)
{
	struct walk w = { fn, arg };
	AUTO_FD int fd = -1;

	if (find_dir(dir_fd, release, &fd, e) < 0)
		return -1;
	return read_dir(&w, fd, "", 0, e);
}
