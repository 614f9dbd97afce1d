/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kfile/initrd.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/fd.h"

#define BINARY_MAX ((off_t)256 << 20)
#define TRAILER "TRAILER!!!"

static void pad(struct str *out, size_t n)
{
	str_add_bytes(out, "\0\0\0", (4 - n % 4) % 4);
}

/* Header and name; the kernel looks at inode numbers only where there are more links than one. */
static void add_header(struct str *out, const char *path, uint32_t mode, size_t n, unsigned major, unsigned minor)
{
	size_t name = strlen(path) + 1, start = out->len;

	str_addf(out, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 0u, mode, 0u, 0u, S_ISDIR(mode) ? 2u : 1u, 0u,
		 (unsigned)n, 0u, 0u, major, minor, (unsigned)name, 0u);
	str_add_bytes(out, path, name);
	pad(out, out->len - start);
}

void kfile_initrd_add(struct str *out, const char *path, uint32_t mode, const void *data, size_t n, unsigned major, unsigned minor)
{
	add_header(out, path, mode, n, major, minor);
	if (n)
		str_add_bytes(out, data, n);
	pad(out, n);
}

void kfile_initrd_end(struct str *out)
{
	add_header(out, TRAILER, 0, 0, 0, 0);
}

static void add_tree(struct str *out)
{
	static const char *const folders[] = { "dev", "proc", "sys", "run", "root", INITRD_MODULES };

	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		kfile_initrd_add(out, folders[i], S_IFDIR | 0755, NULL, 0, 0, 0);
	kfile_initrd_add(out, "dev/console", S_IFCHR | 0600, NULL, 0, 5, 1);
	kfile_initrd_add(out, "dev/null", S_IFCHR | 0666, NULL, 0, 1, 3);
}

int kfile_initrd_write_head(int out_fd, int binary_fd, struct err *e)
{
	AUTO_DONE(str_done) struct str head = STR_INIT;
	AUTO_DONE(str_done) struct str tail = STR_INIT;
	struct stat st;

	if (fstat(binary_fd, &st) < 0)
		return err_sys(e, errno, "read the binary");
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > BINARY_MAX)
		return err_set(e, ERR_INVALID, "the binary has an unusable size");
	size_t n = (size_t)st.st_size;
	void *binary = mmap(NULL, n, PROT_READ, MAP_PRIVATE, binary_fd, 0);
	if (binary == MAP_FAILED)
		return err_sys(e, errno, "read the binary");
	add_tree(&head);
	add_header(&head, "init", S_IFREG | 0755, n, 0, 0);
	pad(&tail, n);
	int r = fd_write_all(out_fd, head.data, head.len, FD_FOREVER, e);
	if (r == 0)
		r = fd_write_all(out_fd, binary, n, FD_FOREVER, e);
	if (r == 0 && tail.len)
		r = fd_write_all(out_fd, tail.data, tail.len, FD_FOREVER, e);
	munmap(binary, n);
	return r;
}
