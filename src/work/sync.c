/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "work/sync.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "ext4/build.h"

enum { PIECE_BYTES = 1 << 18 };

void work_sync_warn(struct work_sync *s, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	str_addf(&s->warnings, "%s%s", s->warnings.len ? "; " : "", text);
}

/* Whatever it was, config.toml is where it can be mended. */
static int wrap(const char *host, struct err *e)
{
	if (!*e->hint && e->code == ERR_NO_SPACE)
		err_hint(e, "a larger --disk-size has room for it");
	else if (!*e->hint)
		err_hint(e, "mend it, or take it out of file_sync in config.toml");
	return err_wrap(e, "file_sync '~/%s'", host);
}

/* Step by step from the home folder, so that a link put there meanwhile leads nowhere. */
static MUST int open_below(const char *home, const char *below, int *ret, struct err *e)
{
	AUTO_MEM char *name = NULL;
	AUTO_FD int dir = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (dir < 0)
		return err_sys(e, errno, "open '%s'", home);
	for (;;) {
		size_t n = strcspn(below, "/");
		bool last = !below[n];
		int fd;

		free(name);
		name = mem_strndup(below, n);
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return err_sys(e, errno, "look at '%s/%s'", home, below);
		/* A device or a pipe is not even opened. */
		if (last && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
			return err_set(e, ERR_INVALID, "it is neither a file nor a folder");
		fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (last ? 0 : O_DIRECTORY));
		if (fd < 0)
			return err_sys(e, errno, "open '%s/%s'", home, below);
		close(dir);
		dir = fd;
		if (last)
			break;
		below += n + 1;
	}
	*ret = TAKE_FD(dir);
	return 0;
}

static MUST int open_item(struct work_sync *s, const char *home, struct work_sync_item *item, struct err *e)
{
	AUTO_MEM char *path = mem_printf("%s/%s", home, item->host), *real_home = realpath(home, NULL), *real = realpath(path, NULL);
	size_t n;

	if (!real && real_home && (errno == ENOENT || errno == ENOTDIR)) {
		work_sync_warn(s, "file_sync: '~/%s' is not there, so it is not copied", item->host);
		return 0;
	}
	if (!real || !real_home)
		return err_sys(e, errno, "find '%s'", real_home ? path : home);
	n = strlen(real_home);
	if (strncmp(real, real_home, n) != 0 || real[n] != '/') {
		err_set(e, ERR_DENIED, "it leads to '%s', outside of '%s'", real, real_home);
		return err_hint(e, "file_sync copies nothing from outside the home folder");
	}
	return open_below(real_home, real + n + 1, &item->fd, e);
}

int work_sync_add(struct work_sync *s, const char *home, const char *host, const char *guest, mode_t mode, struct err *e)
{
	struct work_sync_item *item;

	s->items = mem_grow(s->items, s->n, sizeof(*s->items));
	item = &s->items[s->n++];
	*item = (struct work_sync_item){ mem_strdup(host), mem_strdup(guest), mode, -1 };
	return open_item(s, home, item, e) < 0 ? wrap(host, e) : 0;
}

/* One entry on its way into the disk. */
struct copy {
	struct work_sync *s;
	struct ext4_build *b;
	struct str path; /* in the guest */
	uint8_t *piece;
	unsigned left_out;
	char *first; /* of them */
};

static MUST int count(struct copy *c, uint64_t bytes, struct err *e)
{
	if (proc_cancelled())
		return err_set(e, ERR_CANCELLED, "cancelled");
	if (bytes > WORK_SYNC_MAX_BYTES || (c->s->bytes += bytes) > WORK_SYNC_MAX_BYTES || ++c->s->files > WORK_SYNC_MAX_FILES) {
		err_set(e, ERR_NO_SPACE, "that is more than %" PRIu64 " MiB or %d files in all", WORK_SYNC_MAX_BYTES >> 20, WORK_SYNC_MAX_FILES);
		return err_hint(e, "name smaller folders in config.toml, or copy with scp or rsync");
	}
	return 0;
}

static MUST int copy_file(struct copy *c, int fd, const struct stat *st, mode_t mode, struct err *e)
{
	struct ext4_entry out = { .path = c->path.data, .meta = ext4_meta(S_IFREG | (mode & 0777), 0, 0, st->st_mtime), .size = (uint64_t)st->st_size };
	ssize_t n;

	if (count(c, out.size, e) < 0 || ext4_build_add(c->b, &out, e) < 0)
		return -1;
	/* As long as it was when it was looked at: what is appended meanwhile is left out. */
	for (uint64_t at = 0; at < out.size; at += (uint64_t)n) {
		size_t want = out.size - at < PIECE_BYTES ? (size_t)(out.size - at) : PIECE_BYTES;

		n = pread(fd, c->piece, want, (off_t)at);
		if (n < 0)
			return err_sys(e, errno, "read '~%s'", c->path.data);
		if (n == 0)
			return err_set(e, ERR_STATE, "'~%s' became shorter while it was copied", c->path.data);
		if (ext4_build_data(c->b, at, c->piece, (size_t)n, e) < 0)
			return -1;
	}
	return 0;
}

static MUST int copy_dir(struct copy *c, int fd, const struct stat *st, unsigned depth, struct err *e);

static void leave_out(struct copy *c)
{
	if (!c->left_out++)
		c->first = mem_strdup(c->path.data);
}

static MUST int copy_child(struct copy *c, int dir, const char *name, unsigned depth, struct err *e)
{
	AUTO_FD int fd = -1;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "look at '~%s'", c->path.data);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
		leave_out(c);
		return 0;
	}
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open '~%s'", c->path.data);
	if (S_ISDIR(st.st_mode))
		return copy_dir(c, fd, &st, depth + 1, e);
	if (S_ISREG(st.st_mode))
		return copy_file(c, fd, &st, st.st_mode, e);
	leave_out(c);
	return 0;
}

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

static MUST int copy_dir(struct copy *c, int fd, const struct stat *st, unsigned depth, struct err *e)
{
	struct ext4_entry out = { .path = c->path.data, .meta = ext4_meta(S_IFDIR | (st->st_mode & 0777), 0, 0, st->st_mtime) };
	AUTO_DONE(close_dir) DIR *d = NULL;
	struct dirent *entry;
	size_t before = c->path.len;
	int own;

	if (depth > WORK_SYNC_MAX_DEPTH)
		return err_set(e, ERR_INVALID, "'~%s' lies more than %d folders deep", c->path.data, WORK_SYNC_MAX_DEPTH);
	if (count(c, 0, e) < 0 || ext4_build_add(c->b, &out, e) < 0)
		return -1;
	own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	d = own < 0 ? NULL : fdopendir(own);
	if (!d) {
		err_sys(e, errno, "open '~%s'", c->path.data);
		auto_fd_close(&own);
		return -1;
	}
	for (errno = 0; (entry = readdir(d)); errno = 0) {
		int rc;

		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
			continue;
		str_addf(&c->path, "/%s", entry->d_name);
		rc = copy_child(c, fd, entry->d_name, depth, e);
		c->path.len = before;
		c->path.data[before] = 0;
		if (rc < 0)
			return -1;
	}
	return errno ? err_sys(e, errno, "read folder '~%s'", c->path.data) : 0;
}

static MUST int copy_item(struct work_sync *s, const struct work_sync_item *item, struct ext4_build *b, struct err *e)
{
	AUTO_MEM uint8_t *piece = mem_new(PIECE_BYTES);
	struct copy c = { .s = s, .b = b, .piece = piece };
	struct stat st;
	int rc;

	str_addf(&c.path, "/%s", item->guest);
	if (fstat(item->fd, &st) < 0)
		rc = err_sys(e, errno, "look at it");
	else
		rc = S_ISDIR(st.st_mode) ? copy_dir(&c, item->fd, &st, 0, e) : copy_file(&c, item->fd, &st, item->mode, e);
	if (c.left_out)
		work_sync_warn(s, "file_sync: %u symlinks or special files below '~/%s' are not copied (guest: '~%s')", c.left_out, item->host, c.first);
	free(c.first);
	str_done(&c.path);
	return rc;
}

int work_sync_copy(struct work_sync *s, struct ext4_build *b, struct err *e)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->items[i].fd >= 0 && copy_item(s, &s->items[i], b, e) < 0)
			return wrap(s->items[i].host, e);
	return 0;
}

void work_sync_done(struct work_sync *s)
{
	for (size_t i = 0; i < s->n; i++) {
		auto_fd_close(&s->items[i].fd);
		free(s->items[i].host);
		free(s->items[i].guest);
	}
	free(s->items);
	str_done(&s->warnings);
	*s = (struct work_sync){ 0 };
}
