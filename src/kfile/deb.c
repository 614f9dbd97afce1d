/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kfile/deb.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "kfile/elf.h"
#include "kfile/modinfo.h"
#include "unpack/entries.h"

#define AR_MAGIC "!<arch>\n"
#define AR_HEADER_BYTES 60
#define AR_NAME_BYTES 16
#define AR_SIZE_AT 48
#define AR_SIZE_BYTES 10
#define DEB_MEMBERS_MAX 64

struct member {
	char name[AR_NAME_BYTES + 1];
	uint64_t at, n;
};

/* A number in decimal, filled with spaces. */
static MUST int parse_size(const char *field, uint64_t *ret, struct err *e)
{
	uint64_t v = 0;
	size_t i = 0;

	while (i < AR_SIZE_BYTES && field[i] >= '0' && field[i] <= '9')
		v = v * 10 + (uint64_t)(field[i++] - '0');
	size_t digits = i;
	while (i < AR_SIZE_BYTES && field[i] == ' ')
		i++;
	if (!digits || i != AR_SIZE_BYTES)
		return err_set(e, ERR_CORRUPT, "damaged package: a member's size is not a number");
	*ret = v;
	return 0;
}

static MUST int read_member(int fd, uint64_t at, uint64_t file_bytes, struct member *ret, struct err *e)
{
	char header[AR_HEADER_BYTES];
	struct member m = { .at = at + AR_HEADER_BYTES };

	if (m.at > file_bytes)
		return err_set(e, ERR_CORRUPT, "package is cut: it ends before its data");
	if (fd_pread_all(fd, header, sizeof(header), (off_t)at, e) < 0)
		return -1;
	if (memcmp(header + AR_HEADER_BYTES - 2, "`\n", 2))
		return err_set(e, ERR_CORRUPT, "damaged package: no member where one should begin");
	memcpy(m.name, header, AR_NAME_BYTES);
	for (size_t i = AR_NAME_BYTES; i > 0 && (m.name[i - 1] == ' ' || m.name[i - 1] == '/'); i--)
		m.name[i - 1] = '\0';
	if (parse_size(header + AR_SIZE_AT, &m.n, e) < 0)
		return -1;
	*ret = m;
	return 0;
}

/* deb(5): debian-binary, control.tar.*, data.tar.*; members whose name begins with '_' may stand in between. */
static MUST int find_data(int fd, struct member *ret, struct err *e)
{
	struct stat st;
	char magic[sizeof(AR_MAGIC) - 1];
	struct err short_file = { 0 };

	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "read the package");
	if (fd_pread_all(fd, magic, sizeof(magic), 0, &short_file) < 0 || memcmp(magic, AR_MAGIC, sizeof(magic)))
		return err_set(e, ERR_INVALID, "not a Debian package");
	uint64_t size = (uint64_t)st.st_size, at = sizeof(magic);
	for (int i = 0; i < DEB_MEMBERS_MAX; i++) {
		struct member m;
		if (read_member(fd, at, size, &m, e) < 0)
			return -1;
		if (i == 0 && !str_eq(m.name, "debian-binary"))
			return err_set(e, ERR_INVALID, "an ar archive, but not a Debian package");
		if (m.n > size - m.at)
			return err_set(e, ERR_CORRUPT, "package is cut: member '%s' ends behind the file", m.name);
		if (str_eq(m.name, "data.tar") || str_starts(m.name, "data.tar.")) {
			*ret = m;
			return 0;
		}
		at = m.at + m.n + (m.n & 1);
	}
	return err_set(e, ERR_CORRUPT, "damaged package: no member data.tar");
}

static const char *skip(const char *path, const char *prefix)
{
	return str_starts(path, prefix) ? path + strlen(prefix) : NULL;
}

/* A path inside the folder it stands for: no empty, "." or ".." component. */
static bool path_is_clean(const char *path)
{
	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");
		if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += n;
		if (*p && !*++p)
			return false;
	}
	return *path;
}

/* Says what an archive's path is; false when it is of no interest. The release is copied into release. */
static bool classify(const char *path, char release[static KFILE_RELEASE_SIZE], struct deb_entry *ret)
{
	const char *rest, *slash;

	while (str_starts(path, "./"))
		path += 2;
	if ((rest = skip(path, "boot/vmlinuz-"))) {
		if (!kfile_release_valid(rest))
			return false;
		snprintf(release, KFILE_RELEASE_SIZE, "%s", rest);
		ret->part = DEB_KERNEL;
		ret->path = release;
		return true;
	}
	rest = skip(path, "lib/modules/");
	if (!rest)
		rest = skip(path, "usr/lib/modules/");
	if (!rest || !(slash = strchr(rest, '/')) || slash - rest >= KFILE_RELEASE_SIZE)
		return false;
	memcpy(release, rest, (size_t)(slash - rest));
	release[slash - rest] = '\0';
	ret->part = DEB_MODULES;
	ret->path = slash + 1;
	return kfile_release_valid(release) && path_is_clean(ret->path);
}

static MUST int give(struct entries *x, const struct entry *entry, uint64_t total, deb_fn fn, void *arg, struct err *e)
{
	char release[KFILE_RELEASE_SIZE];
	struct deb_entry out = { .release = release, .mode = entry->mode & 07777, .mtime_s = entry->mtime_s };
	AUTO_MEM void *data = NULL;

	if (!S_ISREG(entry->mode) || entry->hardlink || !classify(entry->path, release, &out))
		return 0;
	if (unpack_entries_read(x, out.part == DEB_KERNEL ? DEB_KERNEL_MAX : KFILE_MODULE_MAX, &data, &out.n, e) < 0)
		return err_wrap(e, "'%s'", entry->path);
	out.data = data;
	return fn(arg, &out, unpack_entries_taken(x), total, e);
}

int kfile_deb_read(int fd, deb_fn fn, void *arg, struct err *e)
{
	AUTO(unpack_entries_free) struct entries *x = NULL;
	struct member data;
	struct entry entry;
	bool more;

	if (find_data(fd, &data, e) < 0)
		return -1;
	if (unpack_entries_open(fd, data.at, data.n, &x, e) < 0)
		return err_wrap(e, "member '%s'", data.name);
	for (;;) {
		if (unpack_entries_next(x, &entry, &more, e) < 0)
			return err_wrap(e, "member '%s'", data.name);
		if (!more)
			return 0;
		if (give(x, &entry, data.n, fn, arg, e) < 0)
			return -1;
	}
}
