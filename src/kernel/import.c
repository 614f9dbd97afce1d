/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/import.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "kernel/modules.h"
#include "kernel/modules_dir.h"
#include "kfile/deb.h"
#include "kfile/elf.h"

#define HOLE ((size_t)64 << 10)

struct import {
	const char *dir;
	kernel_progress_fn progress;
	void *arg;
	struct kernel_facts info;
	struct modules *modules;
	char modules_release[KFILE_RELEASE_SIZE]; /* by the paths of a package */
};

static void import_done(struct import *im)
{
	kernel_modules_free(im->modules);
}

static void tell(struct import *im, const char *stage, uint64_t done, uint64_t total)
{
	if (im->progress)
		im->progress(im->arg, stage, done, total);
}

static bool all_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && !memcmp(p, p + 1, n - 1));
}

int kernel_write_file(const char *path, const void *data, size_t n, struct err *e)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);

	if (fd < 0)
		return err_sys(e, errno, "create '%s'", path);
	for (size_t at = 0; at < n; at += HOLE) {
		const uint8_t *p = (const uint8_t *)data + at;
		size_t k = n - at < HOLE ? n - at : HOLE;
		if (!all_zero(p, k) && fd_pwrite_all(fd, p, k, (off_t)at, e) < 0)
			return err_wrap(e, "write '%s'", path);
	}
	if (ftruncate(fd, (off_t)n) < 0 || fsync(fd) < 0)
		return err_sys(e, errno, "write '%s'", path);
	return 0;
}

static bool contains(const void *data, size_t n, const char *text, size_t n_text)
{
	return memmem(data, n, text, n_text) != NULL;
}

/* Takes the kernel itself. */
static MUST int take_kernel(struct import *im, const void *data, size_t n, struct err *e)
{
	static const char target[] = "\0snapshot-merge"; /* a name that dm-snapshot registers */
	AUTO_DONE(kfile_elf_done) struct kernel_elf k = { 0 };
	AUTO_MEM char *path = mem_printf("%s/" KERNEL_VMLINUX, im->dir);

	if (im->info.release[0])
		return err_set(e, ERR_INVALID, "package holds more than one kernel");
	if (kfile_elf_kernel(data, n, &k, e) < 0)
		return -1;
	memcpy(im->info.release, k.release, sizeof(im->info.release));
	im->info.has_pvh = k.pvh;
	im->info.has_snapshot = contains(k.data, k.n, target, sizeof(target));
	return kernel_write_file(path, k.data, k.n, e);
}

static MUST int take_module_file(struct import *im, const char *path, int64_t mtime_s, const void *data, size_t n, struct err *e)
{
	if (proc_cancelled())
		return err_set(e, ERR_CANCELLED, "cancelled");
	if (!im->modules && kernel_modules_begin(im->dir, &im->modules, e) < 0)
		return -1;
	return kernel_modules_add(im->modules, path, mtime_s, data, n, e);
}

static int take_deb_entry(void *arg, const struct deb_entry *entry, uint64_t done, uint64_t total, struct err *e)
{
	struct import *im = arg;

	tell(im, "reading", done, total);
	if (entry->part == DEB_KERNEL)
		return take_kernel(im, entry->data, entry->n, e);
	if (!im->modules_release[0])
		memcpy(im->modules_release, entry->release, strlen(entry->release) + 1);
	if (strcmp(im->modules_release, entry->release))
		return err_set(e, ERR_INVALID, "package holds modules of two kernels, '%s' and '%s'", im->modules_release, entry->release);
	return take_module_file(im, entry->path, entry->mtime_s, entry->data, entry->n, e);
}

static int take_dir_entry(void *arg, const char *path, int64_t mtime_s, const void *data, size_t n, struct err *e)
{
	return take_module_file(arg, path, mtime_s, data, n, e);
}

static uint64_t disk_bytes(const char *dir, const char *name)
{
	AUTO_MEM char *path = mem_printf("%s/%s", dir, name);
	struct stat st;

	return stat(path, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

static MUST int finish(struct import *im, struct kernel_facts *ret, struct err *e)
{
	struct kernel_facts *info = &im->info;

	if (im->modules) {
		tell(im, "indexing", 0, 0);
		if (kernel_modules_end(im->modules, info->release, e) < 0)
			return -1;
		info->has_modules = true;
		info->n_modules = kernel_modules_count(im->modules);
		info->has_snapshot = kernel_modules_has(im->modules, "dm_snapshot");
	}
	info->size_bytes = disk_bytes(im->dir, KERNEL_VMLINUX) + disk_bytes(im->dir, KERNEL_MODULES) +
			   disk_bytes(im->dir, KERNEL_INITRD_TAIL);
	*ret = *info;
	return 0;
}

static MUST int take_digest(struct import *im, int fd, struct err *e)
{
	uint8_t sum[DIGEST_BYTES];

	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, errno, "read the file");
	if (digest_fd(fd, sum, e) < 0)
		return -1;
	digest_hex(sum, im->info.digest);
	return 0;
}

/* Gives an error without a hint the one for its kind. A full disk shows as a full image, whose own hint would lead nowhere. */
static MUST int explain(const struct import *im, const char *wanted, struct err *e)
{
	if (e->code == ERR_NO_SPACE)
		err_hint(e, "free space where '%s' lies; Debian's cloud kernels need 160 MB, its others 450 MB", im->dir);
	else if (e->code == ERR_CORRUPT && !e->hint[0])
		err_hint(e, "the file is incomplete or damaged: fetch it again");
	else if (e->code == ERR_INVALID && !e->hint[0])
		err_hint(e, "%s", wanted);
	return -1;
}

static MUST int import_deb(struct import *im, int fd, struct err *e)
{
	if (take_digest(im, fd, e) < 0 || kfile_deb_read(fd, take_deb_entry, im, e) < 0)
		return -1;
	if (!im->info.release[0])
		return err_set(e, ERR_INVALID, "package holds no kernel (boot/vmlinuz-*)");
	if (!im->modules) {
		err_set(e, ERR_INVALID, "package holds no modules for '%s'", im->info.release);
		return err_hint(e, "where they are a package of their own, unpack both and use --vmlinuz FILE --modules DIR");
	}
	if (strcmp(im->modules_release, im->info.release))
		return err_set(e, ERR_INVALID, "package holds modules for '%s', but the kernel is '%s'", im->modules_release,
			       im->info.release);
	return 0;
}

int kernel_import_deb(int fd, const char *out_dir, kernel_progress_fn progress, void *arg, struct kernel_facts *ret, struct err *e)
{
	AUTO_DONE(import_done) struct import im = { .dir = out_dir, .progress = progress, .arg = arg };

	if (import_deb(&im, fd, e) < 0 || finish(&im, ret, e) < 0)
		return explain(&im, "wanted is a package with a kernel and its modules, such as linux-image-*-amd64.deb", e);
	return 0;
}

static MUST int import_kernel_file(struct import *im, int fd, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "read the kernel");
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || (uint64_t)st.st_size > KFILE_KERNEL_MAX)
		return err_set(e, ERR_INVALID, "not a Linux kernel for x86-64: no regular file, empty, or too large");
	tell(im, "reading", 0, (uint64_t)st.st_size);
	if (take_digest(im, fd, e) < 0)
		return -1;
	void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return err_sys(e, errno, "read the kernel");
	int r = take_kernel(im, data, (size_t)st.st_size, e);
	munmap(data, (size_t)st.st_size);
	return r;
}

static MUST int import_folder(struct import *im, int modules_fd, struct err *e)
{
	if (modules_fd < 0)
		return 0;
	if (kernel_modules_dir_read(modules_fd, im->info.release, take_dir_entry, im, e) < 0)
		return -1;
	return im->modules ? 0 : err_set(e, ERR_INVALID, "folder holds no modules for '%s'", im->info.release);
}

int kernel_import_file(int fd, int modules_fd, const char *out_dir, kernel_progress_fn progress, void *arg, struct kernel_facts *ret,
		       struct err *e)
{
	AUTO_DONE(import_done) struct import im = { .dir = out_dir, .progress = progress, .arg = arg };

	if (import_kernel_file(&im, fd, e) < 0 || import_folder(&im, modules_fd, e) < 0 || finish(&im, ret, e) < 0)
		return explain(&im, "wanted is a kernel as in /boot, with its own lib/modules/RELEASE; packages go with --deb", e);
	return 0;
}
