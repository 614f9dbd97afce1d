/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "disk/root.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/fs.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"

enum { COPY_STEP = 64 << 20 };

/* Room for every chunk of the root to change: the data, 16 bytes of exception for each 4 KiB chunk, and the header
 * (Documentation/admin-guide/device-mapper/snapshot.rst, drivers/md/dm-snap-persistent.c); sparse, so it costs nothing. */
static off_t store_bytes(uint64_t root_bytes)
{
	return (off_t)(root_bytes + root_bytes / 128 + (16 << 20));
}

const char *disk_root_name(enum disk_backend b)
{
	return b == DISK_SNAPSHOT ? "root.store" : "root.ext4";
}

static MUST int clone_file(int from, int to, struct err *e)
{
	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != EXDEV && errno != EINVAL && errno != ENOTTY)
		return err_sys(e, errno, "clone");
	err_set(e, ERR_UNAVAILABLE, "this file system cannot clone files");
	return err_hint(e, "use root back end snapshot or copy");
}

static MUST int copy_range(int from, int to, off_t at, off_t end, struct err *e)
{
	while (at < end) {
		off_t in = at, out = at;
		size_t n = end - at > COPY_STEP ? COPY_STEP : (size_t)(end - at);
		ssize_t got = copy_file_range(from, &in, to, &out, n, 0);
		if (got < 0)
			return err_sys(e, errno, "copy");
		if (got == 0)
			return err_set(e, ERR_CORRUPT, "the image has become shorter");
		if (proc_cancelled())
			return err_set(e, ERR_CANCELLED, "cancelled");
		at += got;
	}
	return 0;
}

static MUST int copy_sparse(int from, int to, struct err *e)
{
	struct stat st;
	off_t at = 0;

	if (fstat(from, &st) < 0 || ftruncate(to, st.st_size) < 0)
		return err_sys(e, errno, "copy");
	while (at < st.st_size) {
		off_t data = lseek(from, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			return 0;
		off_t hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
		if (hole < 0)
			return err_sys(e, errno, "find data");
		if (copy_range(from, to, data, hole, e) < 0)
			return -1;
		at = hole;
	}
	return 0;
}

static MUST int fill(enum disk_backend b, const char *image, int to, uint64_t bytes, struct err *e)
{
	AUTO_FD int from = -1;

	if (b == DISK_SNAPSHOT)
		return ftruncate(to, store_bytes(bytes)) < 0 ? err_sys(e, errno, "make sparse") : 0;
	from = open(image, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return err_sys(e, errno, "open '%s'", image);
	return b == DISK_REFLINK ? clone_file(from, to, e) : copy_sparse(from, to, e);
}

int disk_root_make(enum disk_backend b, const char *image, const char *path, uint64_t bytes, struct err *e)
{
	AUTO_FD int to = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

	if (to < 0)
		return err_sys(e, errno, "make '%s'", path);
	if (fill(b, image, to, bytes, e) == 0)
		return 0;
	unlink(path);
	return -1;
}

int disk_store_grow(const char *path, uint64_t bytes, struct err *e)
{
	AUTO_FD int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "open '%s'", path);
	if (st.st_size < store_bytes(bytes) && ftruncate(fd, store_bytes(bytes)) < 0)
		return err_sys(e, errno, "grow '%s'", path);
	return 0;
}

bool disk_can_reflink(const char *dir)
{
	AUTO_FD int a = open(dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	AUTO_FD int b = open(dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	static const char block[4096] = { 1 };

	return a >= 0 && b >= 0 && write(a, block, sizeof(block)) == (ssize_t)sizeof(block) && ioctl(b, FICLONE, a) == 0;
}
