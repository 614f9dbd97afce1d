/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The oracle is kmod: depmod's text files on the same tree, and what modprobe finds by our binary indexes where it found it by depmod's. */
#include "unit.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "kfile/modindex.h"
#include "ko.h"

#define RELEASE "6.1.0-test"
#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const struct {
	const char *path;
	struct ko ko;
} TREE[] = {
	{ "kernel/a/core-ring.ko", { LIST("license=GPL", "vermagic=" RELEASE " SMP"), LIST("ring_new", "ring_free"), LIST("printk"), 1 } },
	{ "kernel/a/core.ko", { LIST("license=GPL", "alias=core-*", "alias=core"), LIST("core_one", "core_two"), LIST("ring_new", "printk"), 1 } },
	{ "kernel/b/disk.ko", { LIST("alias=virtio:d00000002v*", "alias=block-major-254-*", "alias=devname:disk-control", "alias=char-major-10-237",
				     "softdep=pre: crc32c", "alias=of:N*T*Cvendor,disk-[a-c]x", "alias=broken[", "alias=broken]"),
				NULL, LIST("core_one", "ring_free", "kmalloc"), 1 } },
	{ "kernel/b/net-fail.ko", { LIST("alias=net-fail", "weakdep=disk"), LIST("net_fail"), LIST("core_two"), 0 } },
	{ "kernel/b/net.ko", { LIST("alias=virtio:d00000001v*", "alias=pci:v00001AF4d00001000sv*sd*bc*sc*i*"), NULL, LIST("net_fail", "ring_new"), 0 } },
	{ "kernel/c/crc32c-generic.ko", { LIST("alias=crypto-crc32c", "alias=crc32c", "license=GPL"), NULL, LIST("printk"), 1 } },
	{ "kernel/c/crc32c-fast.ko", { LIST("alias=crypto-crc32c", "alias=crc32c"), NULL, LIST("core_one"), 1 } },
	{ "kernel/d/caf\xc3\xa9.ko.skip", { NULL } },
	{ "updates/net.ko", { LIST("alias=virtio:d00000001v*", "license=GPL"), NULL, LIST("net_fail", "core_two"), 0 } },
};
static const char ORDER[] = "kernel/c/crc32c-generic.ko\nkernel/b/net.ko\nkernel/a/core-ring.ko\nkernel/gone.ko\nkernel/b/disk.ko\n";
static const char BUILTIN[] = "kernel/fs/ext4/ext4.ko\nkernel/drivers/virtio/virtio-mmio.ko\n";
static const char BUILTIN_MODINFO[] = "ext4.license=GPL\0ext4.alias=fs-ext4\0ext4.alias=ext3\0virtio_mmio.alias=acpi*:LNRO0005:*\0x.alias=bad[\0odd";

static char root[] = "/tmp/test-modindex-XXXXXX", ours[64], theirs[64];

static void write_file(const char *dir, const char *name, const void *data, size_t n)
{
	struct err e = { 0 };
	AUTO_MEM char *path = mem_printf("%s/lib/modules/" RELEASE "/%s", dir, name);
	AUTO_MEM char *folder = path_dirname(path);

	assert_ok(path_make_dirs(folder, 0755, &e));
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static int emit(void *arg, const char *name, const void *data, size_t n, struct err *e)
{
	write_file(arg, name, data, n);
	return 0;
}

static struct modset *fill(const char *dir)
{
	struct err e = { 0 };
	struct modset *s = kfile_modset_new();

	for (size_t i = 0; i < ARRAY_LEN(TREE); i++) {
		AUTO_DONE(str_done) struct str ko = STR_INIT;
		if (!TREE[i].ko.info)
			continue;
		ko_make(&TREE[i].ko, &ko);
		assert_ok(kfile_modset_add(s, TREE[i].path, ko.data, ko.len, &e));
		write_file(dir, TREE[i].path, ko.data, ko.len);
	}
	kfile_modset_order(s, ORDER, sizeof(ORDER) - 1);
	kfile_modset_builtin(s, BUILTIN, sizeof(BUILTIN) - 1);
	kfile_modset_builtin_modinfo(s, BUILTIN_MODINFO, sizeof(BUILTIN_MODINFO));
	write_file(dir, "modules.order", ORDER, sizeof(ORDER) - 1);
	write_file(dir, "modules.builtin", BUILTIN, sizeof(BUILTIN) - 1);
	write_file(dir, "modules.builtin.modinfo", BUILTIN_MODINFO, sizeof(BUILTIN_MODINFO));
	assert_ok(kfile_modset_finish(s, &e));
	return s;
}

static char *run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static char *run(const char *fmt, ...)
{
	struct str out = STR_INIT;
	char line[1024], buf[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	FILE *p = popen(line, "r");
	assert_non_null(p);
	for (size_t n; (n = fread(buf, 1, sizeof(buf), p)) > 0;)
		str_add_bytes(&out, buf, n);
	int r = pclose(p);
	str_addf(&out, "[%d]", WEXITSTATUS(r));
	return str_take(&out);
}

static int setup(void **state)
{
	struct err e = { 0 };

	if (!mkdtemp(root))
		return -1;
	snprintf(ours, sizeof(ours), "%s/ours", root);
	snprintf(theirs, sizeof(theirs), "%s/theirs", root);
	kfile_modset_free(fill(theirs));
	AUTO(kfile_modset_free) struct modset *s = fill(ours);
	assert_ok(kfile_modindex_write(s, emit, ours, &e));
	AUTO_MEM char *said = run("depmod -b %s " RELEASE " 2>&1", theirs);
	if (!strstr(said, "[0]"))
		fail_msg("depmod: %s", said);
	return 0;
}

static int teardown(void **state)
{
	struct err e = { 0 };

	return path_remove_tree(root, &e);
}

static void test_text_files(void **state)
{
	static const char *const names[] = { "modules.dep", "modules.alias", "modules.symbols", "modules.softdep", "modules.devname" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO_MEM char *a = run("sort %s/lib/modules/" RELEASE "/%s", ours, names[i]);
		AUTO_MEM char *b = run("sort %s/lib/modules/" RELEASE "/%s", theirs, names[i]);
		assert_string_equal(a, b);
		assert_true(strlen(a) > 20);
	}
}

/* modprobe reads the binary indexes only; paths in its answers differ by the root. */
static void test_modprobe(void **state)
{
	static const char *const asked[] = { "core", "core_ring", "core-ring", "disk", "net", "net_fail", "net-fail", "crc32c", "crypto-crc32c", "core-x-y",
					     "virtio:d00000001v00001AF4", "virtio:d00000002v1", "block-major-254-3", "symbol:core_two", "symbol:net_fail",
					     "of:NfooTbarCvendor,disk-bx", "of:NfooTbarCvendor,disk-dx", "pci:v00001AF4d00001000sv0sd0bc02sc00i00",
					     "ext4", "fs-ext4", "ext3", "virtio_mmio", "acpi:LNRO0005:x", "nothing", "devname:disk-control", "" };

	for (size_t i = 0; asked[i][0]; i++) {
		AUTO_MEM char *a = run("modprobe -C /dev/null -d %s -S " RELEASE " -a -D '%s' 2>&1 | sed 's#/ours/#/ROOT/#g'", ours, asked[i]);
		AUTO_MEM char *b = run("modprobe -C /dev/null -d %s -S " RELEASE " -a -D '%s' 2>&1 | sed 's#/theirs/#/ROOT/#g'", theirs, asked[i]);
		assert_string_equal(a, b);
		if (!strcmp(asked[i], "disk") || !strcmp(asked[i], "symbol:core_two"))
			assert_non_null(strstr(a, "core.ko"));
	}
}

static void test_set(void **state)
{
	char dir[80];

	snprintf(dir, sizeof(dir), "%s/set", root);
	AUTO(kfile_modset_free) struct modset *s = fill(dir);
	assert_int_equal(kfile_modset_count(s), 7);
	assert_string_equal(kfile_modset_name(s, 0), "crc32c_generic");
	assert_string_equal(kfile_modset_path(s, kfile_modset_find(s, "net")), "updates/net.ko");
	assert_int_equal(kfile_modset_find(s, "core-ring"), kfile_modset_find(s, "core_ring"));
	assert_true(kfile_modset_find(s, "gone") == SIZE_MAX);
	assert_true(kfile_modset_is_builtin(s, "virtio-mmio"));
	assert_false(kfile_modset_is_builtin(s, "net"));
	assert_string_equal(kfile_modset_release(s), RELEASE);
}

static void test_refused(void **state)
{
	struct err e = { 0 };
	AUTO(kfile_modset_free) struct modset *s = kfile_modset_new();
	AUTO_DONE(str_done) struct str a = STR_INIT;
	AUTO_DONE(str_done) struct str b = STR_INIT;

	ko_make(&(struct ko){ LIST("license=GPL"), LIST("from_a"), LIST("from_b"), 1 }, &a);
	ko_make(&(struct ko){ LIST("license=GPL"), LIST("from_b"), LIST("from_a"), 1 }, &b);
	assert_err(kfile_modset_add(s, "kernel/white space.ko", a.data, a.len, &e), ERR_INVALID);
	assert_err(kfile_modset_add(s, "kernel/x.txt", a.data, a.len, &e), ERR_INVALID);
	assert_err(kfile_modset_add(s, "kernel/cut.ko", a.data, 100, &e), ERR_CORRUPT);
	assert_err(kfile_modset_add(s, "kernel/cut.ko.xz", "\xfd" "7zXZ\0", 6, &e), ERR_CORRUPT);
	assert_ok(kfile_modset_add(s, "kernel/a.ko", a.data, a.len, &e));
	assert_ok(kfile_modset_add(s, "kernel/b.ko", b.data, b.len, &e));
	assert_int_equal(kfile_modset_finish(s, &e), -1);
	assert_non_null(strstr(e.msg, "'a', 'b'"));
}

static void test_empty(void **state)
{
	struct err e = { 0 };
	char dir[80];
	AUTO(kfile_modset_free) struct modset *s = kfile_modset_new();

	snprintf(dir, sizeof(dir), "%s/empty", root);
	assert_ok(kfile_modset_finish(s, &e));
	assert_ok(kfile_modindex_write(s, emit, dir, &e));
	AUTO_MEM char *a = run("modprobe -C /dev/null -d %s -S " RELEASE " -D x 2>&1", dir);
	assert_non_null(strstr(a, "not found"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_files),
		cmocka_unit_test(test_modprobe),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_empty),
	};
	return cmocka_run_group_tests_name("kfile/modindex", tests, setup, teardown);
}
