/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "ext4/build.h"
#include "ext4/fs.h"
#include "ext4/tar.h"
#include "ext4/tree.h"
#include "image/identity.h"
#include "image/inject.h"
#include "unpack/tar.h"

enum { OS_RELEASE_MAX = 64 << 10, OS_NAME_MAX = 100, COPY_STEP = 64 << 20 };

struct import {
	image_progress_fn progress;
	void *arg;
	const char *stage;
	uint64_t total;
};

void image_facts_done(struct image_facts *f)
{
	free(f->os);
	*f = (struct image_facts){ 0 };
}

static void tell(const struct import *im, const char *stage, uint64_t done)
{
	if (im->progress)
		im->progress(im->arg, stage, done, im->total);
}

static void on_tar_progress(void *arg, const struct ext4_tar_progress *now)
{
	tell(arg, "unpacking", now->consumed_bytes);
}

/* A tar may come through a pipe; an ext4 image is read out of order. */
static MUST int check_input(int fd, bool regular_only, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "look at the file");
	if (S_ISREG(st.st_mode) || (!regular_only && !S_ISDIR(st.st_mode)))
		return 0;
	err_set(e, ERR_INVALID, "what is to be imported is %s", S_ISDIR(st.st_mode) ? "a folder" : "no regular file");
	return err_hint(e, "give the file of a tar archive or of an ext4 image");
}

static uint64_t input_bytes(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

static MUST int unpack(int fd, const char *path, struct import *im, struct err *e)
{
	AUTO(tar_free) struct tar_reader *tar = NULL;
	AUTO(ext4_build_free) struct ext4_build *build = NULL;
	struct ext4_tar how = { .progress = on_tar_progress, .arg = im };
	struct ext4_tar_result result = { 0 };
	struct unpack_source source = { .fd = fd };

	if (tar_open(&source, &tar, e) < 0 || ext4_build_new(path, &build, e) < 0 || ext4_tar_add(build, tar, &how, &result, e) < 0)
		return -1;
	if (result.entries == 0)
		return err_set(e, ERR_CORRUPT, "the archive is empty");
	/* What injects next syncs it all. */
	return ext4_build_finish(TAKE_PTR(build), false, e);
}

static MUST int exists(struct ext4 *x, const char *path, bool *ret, struct err *e)
{
	struct ext4_stat st;

	*ret = ext4_stat(x, path, true, &st, e) == 0;
	if (*ret || e->code != ERR_NOT_FOUND)
		return *ret ? 0 : -1;
	err_clear(e);
	return 0;
}

/* PRETTY_NAME="..." of os-release(5), quotes taken off, control bytes refused; NULL without one. */
static char *pretty_name(const char *text)
{
	const char *at = strstr(text, "PRETTY_NAME=");
	size_t n;

	if (!at || (at != text && at[-1] != '\n'))
		return NULL;
	at += strlen("PRETTY_NAME=");
	if (*at == '"' || *at == '\'')
		at++;
	n = strcspn(at, "\"'\n\r");
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)at[i] < 0x20 || at[i] == 0x7f)
			return NULL;
	return n && n <= OS_NAME_MAX ? mem_strndup(at, n) : NULL;
}

static MUST int read_os(struct ext4 *x, char **ret, struct err *e)
{
	static const char *const paths[] = { "/etc/os-release", "/usr/lib/os-release" };

	*ret = NULL;
	for (size_t i = 0; i < ARRAY_LEN(paths) && !*ret; i++) {
		AUTO_MEM char *text = NULL;
		size_t n;

		if (ext4_read_file(x, paths[i], OS_RELEASE_MAX, &text, &n, e) == 0)
			*ret = pretty_name(text);
		else if (e->code == ERR_CORRUPT)
			return -1;
		else
			err_clear(e);
	}
	return 0;
}

static MUST int look(struct ext4 *x, struct image_facts *f, struct err *e)
{
	static const char *const inits[] = { "/sbin/init", "/usr/lib/systemd/systemd", "/lib/systemd/systemd", "/etc/init", "/bin/init" };

	for (size_t i = 0; i < ARRAY_LEN(inits) && !f->has_init; i++)
		if (exists(x, inits[i], &f->has_init, e) < 0)
			return -1;
	return read_os(x, &f->os, e);
}

/* The second half of both imports: what the image is. */
static MUST int furnish(const char *path, const struct import *im, struct image_facts *ret, struct err *e)
{
	AUTO(ext4_free) struct ext4 *x = NULL;
	AUTO_DONE(image_facts_done) struct image_facts f = { 0 };
	struct ext4_info info;

	tell(im, "looking into it", im->total);
	if (ext4_open(path, true, &x, e) < 0 || look(x, &f, e) < 0 || image_inject(x, e) < 0 || image_forget_identity(x, e) < 0 || ext4_close(TAKE_PTR(x), e) < 0 ||
	    ext4_info(path, &info, e) < 0)
		return -1;
	f.size_bytes = info.bytes;
	f.used_bytes = info.bytes - info.free_bytes;
	*ret = f;
	f = (struct image_facts){ 0 };
	return 0;
}

int image_import_tar(int fd, const char *path, uint64_t bytes, image_progress_fn progress, void *arg, struct image_facts *ret, struct err *e)
{
	struct import im = { .progress = progress, .arg = arg, .total = input_bytes(fd) };
	struct ext4_mkfs how = { .bytes = bytes ? bytes : IMAGE_DEFAULT_BYTES, .label = "banger-root" };

	if (!bytes && im.total * 4 > how.bytes)
		how.bytes = im.total * 4;
	if (check_input(fd, false, e) < 0 || ext4_mkfs(path, &how, e) < 0 || unpack(fd, path, &im, e) < 0)
		return -1;
	return furnish(path, &im, ret, e);
}

/* Holes of the source stay holes. */
static MUST int copy_in(int from, int to, const struct import *im, struct err *e)
{
	off_t end = lseek(from, 0, SEEK_END), at = 0;

	if (end < 0 || ftruncate(to, end) < 0)
		return err_sys(e, errno, "copy the image");
	while (at < end) {
		off_t data = lseek(from, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break;
		off_t stop = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
		if (stop < 0)
			return err_sys(e, errno, "copy the image");
		for (at = data; at < stop;) {
			off_t in = at, out = at;
			ssize_t n = copy_file_range(from, &in, to, &out, stop - at > COPY_STEP ? COPY_STEP : (size_t)(stop - at), 0);
			if (n <= 0)
				return err_sys(e, n < 0 ? errno : EIO, "copy the image");
			if (proc_cancelled())
				return err_set(e, ERR_CANCELLED, "cancelled");
			at += n;
			tell(im, "copying", (uint64_t)at);
		}
	}
	return 0;
}

static MUST int check(const char *path, struct err *e)
{
	AUTO_MEM char *first = NULL;
	enum ext4_health health;

	if (ext4_replay(path, e) < 0 || ext4_check(path, &health, &first, e) < 0)
		return -1;
	if (health == EXT4_CLEAN)
		return 0;
	err_set(e, ERR_CORRUPT, "the image is damaged: %.200s", first ? first : "");
	return err_hint(e, "e2fsck -f FILE repairs what can be repaired");
}

int image_import_ext4(int fd, const char *path, uint64_t bytes, image_progress_fn progress, void *arg, struct image_facts *ret, struct err *e)
{
	struct import im = { .progress = progress, .arg = arg, .total = input_bytes(fd) };
	AUTO_FD int to = -1;

	if (check_input(fd, true, e) < 0)
		return -1;
	to = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (to < 0)
		return err_sys(e, errno, "make '%s'", path);
	if (copy_in(fd, to, &im, e) < 0)
		return -1;
	close(TAKE_FD(to));
	tell(&im, "checking", im.total);
	if (check(path, e) < 0 || (bytes && ext4_grow(path, bytes, e) < 0))
		return -1;
	return furnish(path, &im, ret, e);
}
