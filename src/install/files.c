/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "install/install_internal.h"

enum { OLD_MAX = 64 << 20 };

/* Notes what is at path, so that it can come back. */
static MUST int remember(struct files *f, const char *path, struct err *e)
{
	size_t at = f->n_was;
	struct stat st;
	char to[4096];
	ssize_t n;

	if (at == FILES_MAX)
		return err_set(e, ERR_INTERNAL, "too many files");
	f->was[at].path = NULL;
	f->was[at].data = f->was[at].link = NULL;
	if (lstat(path, &st) < 0) {
		if (errno != ENOENT)
			return err_sys(e, errno, "look at '%s'", path);
	} else if (S_ISLNK(st.st_mode)) {
		n = readlink(path, to, sizeof(to) - 1);
		if (n < 0)
			return err_sys(e, errno, "read link '%s'", path);
		f->was[at].link = mem_strndup(to, (size_t)n);
	} else if (!S_ISREG(st.st_mode)) {
		err_set(e, ERR_EXISTS, "'%s' is there and is no file", path);
		return err_hint(e, "move it away");
	} else if (fd_read_file(AT_FDCWD, path, OLD_MAX, &f->was[at].data, &f->was[at].n, e) < 0) {
		return -1;
	} else {
		f->was[at].mode = st.st_mode & 07777;
	}
	f->was[at].path = mem_strdup(path);
	f->n_was++;
	return 0;
}

/* A temporary name is ours: what a killed installation left there is replaced. */
static MUST int place_link(const char *path, const char *to, struct err *e)
{
	AUTO_MEM char *temp = mem_printf("%s.new", path);
	AUTO_MEM char *dir = path_dirname(path);

	if (unlink(temp) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove '%s'", temp);
	if (symlink(to, temp) < 0)
		return err_sys(e, errno, "make link '%s'", temp);
	if (rename(temp, path) < 0) {
		int why = errno;

		unlink(temp);
		return err_sys(e, why, "rename '%s'", temp);
	}
	return path_sync_dir(dir, e);
}

static MUST int put_file(const char *path, const void *data, size_t n, unsigned mode, struct err *e)
{
	AUTO_MEM char *temp = mem_printf("%s.new", path);

	if (unlink(temp) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove '%s'", temp);
	return path_write_atomic(path, data, n, mode, e);
}

int put_write(struct files *f, const char *path, const void *data, size_t n, unsigned mode, struct err *e)
{
	return remember(f, path, e) < 0 ? -1 : put_file(path, data, n, mode, e);
}

int put_link(struct files *f, const char *path, const char *to, struct err *e)
{
	return remember(f, path, e) < 0 ? -1 : place_link(path, to, e);
}

int put_dir(struct files *f, const char *path, unsigned mode, struct err *e)
{
	struct stat st;

	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return 0;
		return err_set(e, ERR_EXISTS, "'%s' is there and is no folder", path);
	}
	if (strcmp(path, "/") != 0) {
		AUTO_MEM char *up = path_dirname(path);

		if (put_dir(f, up, 0755, e) < 0)
			return -1;
	}
	if (f->n_made == FILES_MAX)
		return err_set(e, ERR_INTERNAL, "too many folders");
	if (mkdir(path, mode) < 0)
		return err_sys(e, errno, "make folder '%s'", path);
	f->made[f->n_made++] = mem_strdup(path);
	return 0;
}

void put_undo(struct files *f, void (*warn)(const char *text))
{
	for (size_t i = f->n_was; i--;) {
		struct err e = { 0 };
		int rc;

		if (f->was[i].link)
			rc = place_link(f->was[i].path, f->was[i].link, &e);
		else if (f->was[i].data)
			rc = put_file(f->was[i].path, f->was[i].data, f->was[i].n, f->was[i].mode, &e);
		else
			rc = path_remove(f->was[i].path, &e);
		if (rc < 0)
			warn(e.msg);
	}
	for (size_t i = f->n_made; i--;)
		if (rmdir(f->made[i]) < 0)
			warn(f->made[i]);
}

void put_done(struct files *f)
{
	while (f->n_was) {
		f->n_was--;
		free(f->was[f->n_was].path);
		free(f->was[f->n_was].data);
		free(f->was[f->n_was].link);
	}
	while (f->n_made)
		free(f->made[--f->n_made]);
}
