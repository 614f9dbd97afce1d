/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packages made by dpkg-deb, then cut and damaged. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "kfile/deb.h"

static char root[] = "/tmp/test-deb-XXXXXX";

static void sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void sh(const char *fmt, ...)
{
	char line[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (system(line) != 0)
		fail_msg("%s", line);
}

static int setup(void **state)
{
	if (!mkdtemp(root))
		return -1;
	sh("cd %s && mkdir -p t/DEBIAN t/boot t/lib/modules/6.1.0-x/kernel t/usr/lib/modules/6.1.0-x t/lib/modules/..x t/usr/share/doc && cd t &&"
	   "printf 'Package: k\\nVersion: 1\\nArchitecture: amd64\\nMaintainer: x <x@y>\\nDescription: d\\n' > DEBIAN/control &&"
	   "echo kernel > boot/vmlinuz-6.1.0-x && echo config > boot/config-6.1.0-x && echo readme > usr/share/doc/readme &&"
	   "head -c 100000 /dev/urandom > lib/modules/6.1.0-x/kernel/a.ko && ln -s a.ko lib/modules/6.1.0-x/kernel/b.ko &&"
	   "echo order > usr/lib/modules/6.1.0-x/modules.order && echo no > lib/modules/..x/y && echo no > boot/vmlinuz-bad", root);
	for (int i = 0; i < 4; i++) {
		static const char *const how[] = { "none", "gzip", "xz", "zstd" };
		sh("cd %s && dpkg-deb --root-owner-group -Z%s -b t %s.deb >/dev/null", root, how[i], how[i]);
	}
	return 0;
}

static int teardown(void **state)
{
	struct err e = { 0 };

	return path_remove_tree(root, &e);
}

static int note(void *arg, const struct deb_entry *entry, uint64_t done, uint64_t total, struct err *e)
{
	assert_true(done <= total);
	str_addf(arg, "%s %s %s %zu;", entry->part == DEB_KERNEL ? "kernel" : "modules", entry->release, entry->path, entry->n);
	return 0;
}

static int open_deb(const char *name)
{
	AUTO_MEM char *path = mem_printf("%s/%s", root, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void test_every_compression(void **state)
{
	static const char *const names[] = { "none.deb", "gzip.deb", "xz.deb", "zstd.deb" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct err e = { 0 };
		AUTO_FD int fd = open_deb(names[i]);
		AUTO_DONE(str_done) struct str got = STR_INIT;

		assert_ok(kfile_deb_read(fd, note, &got, &e));
		assert_string_equal(got.data, "kernel 6.1.0-x 6.1.0-x 7;modules 6.1.0-x kernel/a.ko 100000;"
					      "modules 6.1.0-x modules.order 6;");
	}
}

static int refuse(void *arg, const struct deb_entry *entry, uint64_t done, uint64_t total, struct err *e)
{
	return err_set(e, ERR_STATE, "no more of '%s'", entry->path);
}

static void test_callback_ends_it(void **state)
{
	struct err e = { 0 };
	AUTO_FD int fd = open_deb("xz.deb");

	assert_err(kfile_deb_read(fd, refuse, NULL, &e), ERR_STATE);
}

/* A package whose first n bytes are those of a sound one; with some of them replaced. */
static int altered(const char *name, off_t n, off_t at, const char *bytes)
{
	AUTO_FD int from = open_deb(name);
	AUTO_MEM char *path = mem_printf("%s/altered", root);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct err e = { 0 };
	struct stat st;

	assert_int_equal(fstat(from, &st), 0);
	if (n < 0 || n > st.st_size)
		n = st.st_size;
	AUTO_MEM char *data = mem_new((size_t)n + 1);
	assert_ok(fd_pread_all(from, data, (size_t)n, 0, &e));
	if (bytes)
		memcpy(data + at, bytes, strlen(bytes));
	assert_ok(fd_pwrite_all(fd, data, (size_t)n, 0, &e));
	return fd;
}

static void expect(int fd, enum err_code code, const char *text)
{
	struct err e = { 0 };
	AUTO_FD int owned = fd;
	AUTO_DONE(str_done) struct str got = STR_INIT;

	assert_int_equal(kfile_deb_read(owned, note, &got, &e), -1);
	if (e.code != code || !strstr(e.msg, text))
		fail_msg("%s (%s), not %s", e.msg, err_code_name(e.code), text);
}

static void test_damage(void **state)
{
	expect(altered("xz.deb", 0, 0, NULL), ERR_INVALID, "not a Debian package");
	expect(altered("xz.deb", -1, 0, "!<ARCH>"), ERR_INVALID, "not a Debian package");
	expect(altered("xz.deb", -1, 8, "something-other"), ERR_INVALID, "not a Debian package");
	expect(altered("xz.deb", 8, 0, NULL), ERR_CORRUPT, "cut");
	expect(altered("xz.deb", 100, 0, NULL), ERR_CORRUPT, "cut");
	expect(altered("xz.deb", 5000, 0, NULL), ERR_CORRUPT, "'data.tar.xz'");
	expect(altered("none.deb", 100000, 0, NULL), ERR_CORRUPT, "'data.tar'");
	expect(altered("xz.deb", -1, 8 + 48, "9999999999"), ERR_CORRUPT, "'debian-binary'");
	expect(altered("xz.deb", -1, 8 + 48, "-1        "), ERR_CORRUPT, "not a number");
	expect(altered("xz.deb", -1, 8 + 58, "xx"), ERR_CORRUPT, "no member");
	expect(altered("xz.deb", -1, 40000, "################"), ERR_CORRUPT, "data.tar.xz");
	expect(altered("zstd.deb", -1, 900, "################"), ERR_CORRUPT, "data.tar.zst");
}

static void test_every_cut(void **state)
{
	for (off_t n = 9; n < 90000; n += 4321) {
		expect(altered("xz.deb", n, 0, NULL), ERR_CORRUPT, "");
		expect(altered("zstd.deb", n, 0, NULL), ERR_CORRUPT, "");
		expect(altered("gzip.deb", n, 0, NULL), ERR_CORRUPT, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_compression),
		cmocka_unit_test(test_callback_ends_it),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_every_cut),
	};
	return cmocka_run_group_tests_name("kfile/deb", tests, setup, teardown);
}
