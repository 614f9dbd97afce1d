/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packages by dpkg-deb around a sample kernel and sample modules; the image of modules is judged by e2fsck. */
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/path.h"
#include "ext4/tree.h"
#include "kernel/import.h"
#include "kfile/kernel_sample.h"
#include "kfile/ko.h"

#define RELEASE "6.1.0-56-cloud-amd64"
#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static char root[] = "/tmp/test-import-XXXXXX";

static const struct {
	const char *name;
	struct ko ko;
} MODULES[] = {
	{ "virtio_ring", { LIST("vermagic=" RELEASE " SMP"), LIST("ring_new"), NULL, 1 } },
	{ "virtio_pci", { LIST("vermagic=" RELEASE " SMP"), NULL, LIST("ring_new"), 1 } },
	{ "virtio_blk", { LIST("vermagic=" RELEASE " SMP", "alias=virtio:d00000002v*"), NULL, LIST("ring_new"), 1 } },
	{ "vsock", { LIST("vermagic=" RELEASE " SMP"), LIST("vsock_new"), NULL, 1 } },
	{ "vmw_vsock_virtio_transport", { LIST("vermagic=" RELEASE " SMP"), NULL, LIST("vsock_new", "ring_new"), 1 } },
	{ "dm-snapshot", { LIST("vermagic=" RELEASE " SMP"), NULL, NULL, 1 } },
	{ "unused", { LIST("vermagic=" RELEASE " SMP"), NULL, NULL, 1 } },
};

static void sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void sh(const char *fmt, ...)
{
	char line[2048], all[2200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	snprintf(all, sizeof(all), "cd %s && %s", root, line);
	if (system(all) != 0)
		fail_msg("%s", all);
}

static void write_file(const char *name, const void *data, size_t n)
{
	struct err e = { 0 };
	AUTO_MEM char *path = mem_printf("%s/%s", root, name);
	AUTO_MEM char *folder = path_dirname(path);

	assert_ok(path_make_dirs(folder, 0755, &e));
	assert_ok(path_write_atomic(path, data, n, 0644, &e));
}

/* The tree t of a package: kernel, all modules but the one named, ext4 built in. */
static void make_tree(const char *t, const char *without)
{
	AUTO_MEM uint8_t *elf = mem_new(ELF_BYTES);
	AUTO_MEM char *control = mem_printf("%s/DEBIAN/control", t), *kernel = mem_printf("%s/boot/vmlinuz-" RELEASE, t);
	AUTO_MEM char *builtin = mem_printf("%s/lib/modules/" RELEASE "/modules.builtin", t);
	static const char text[] = "Package: k\nVersion: 1\nArchitecture: amd64\nMaintainer: x <x@y>\nDescription: d\n";
	size_t n;

	make_elf(elf, true);
	AUTO_MEM uint8_t *bz = make_bzimage(elf, ELF_BYTES, &n);
	write_file(control, text, sizeof(text) - 1);
	write_file(kernel, bz, n);
	write_file(builtin, "kernel/fs/ext4/ext4.ko\n", 23);
	for (size_t i = 0; i < ARRAY_LEN(MODULES); i++) {
		AUTO_DONE(str_done) struct str ko = STR_INIT;
		AUTO_MEM char *path = mem_printf("%s/lib/modules/" RELEASE "/kernel/x/%s.ko", t, MODULES[i].name);
		if (without && !strcmp(without, MODULES[i].name))
			continue;
		ko_make(&MODULES[i].ko, &ko);
		write_file(path, ko.data, ko.len);
	}
}

static int open_in_root(const char *name, int flags)
{
	AUTO_MEM char *path = mem_printf("%s/%s", root, name);
	int fd = open(path, flags | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static char *make_out(void)
{
	char *dir = mem_printf("%s/out-XXXXXX", root);

	assert_non_null(mkdtemp(dir));
	return dir;
}

static int setup(void **state)
{
	if (!mkdtemp(root))
		return -1;
	make_tree("t", NULL);
	sh("xz -k --check=crc32 t/lib/modules/" RELEASE "/kernel/x/vsock.ko && rm t/lib/modules/" RELEASE "/kernel/x/vsock.ko");
	sh("dpkg-deb --root-owner-group -Zxz -b t good.deb > /dev/null");
	return 0;
}

static int teardown(void **state)
{
	struct err e = { 0 };

	return path_remove_tree(root, &e);
}

static void check_modules(const char *dir)
{
	struct err e = { 0 };
	AUTO_MEM char *image = mem_printf("%s/" KERNEL_MODULES, dir), *tail = mem_printf("%s/" KERNEL_INITRD_TAIL, dir);
	AUTO_MEM char *dep = NULL;
	struct ext4_stat st;
	struct ext4 *x;
	size_t n;

	sh("e2fsck -fn %s > fsck.log 2>&1", image);
	assert_ok(ext4_open(image, false, &x, &e));
	assert_ok(ext4_read_file(x, "/modules.dep", 1 << 20, &dep, &n, &e));
	assert_non_null(strstr(dep, "kernel/x/virtio_blk.ko: kernel/x/virtio_ring.ko\n"));
	assert_ok(ext4_stat(x, "/modules.alias.bin", false, &st, &e));
	assert_ok(ext4_stat(x, "/kernel/x/vsock.ko", false, &st, &e));
	assert_err(ext4_stat(x, "/kernel/x/vsock.ko.xz", false, &st, &e), ERR_NOT_FOUND);
	ext4_free(x);
	sh("cpio --quiet -i --to-stdout modules/order < %s > order", tail);
	sh("printf 'virtio_ring.ko\\nvirtio_pci.ko\\nvirtio_blk.ko\\ndm-snapshot.ko\\nvsock.ko\\nvmw_vsock_virtio_transport.ko\\n' | cmp - order");
}

static void note_stage(void *arg, const char *stage, uint64_t done, uint64_t total)
{
	if (!strstr(arg, stage))
		strcat(arg, stage);
	assert_true(done <= total);
}

static void test_deb(void **state)
{
	struct err e = { 0 };
	struct kernel_facts k;
	AUTO_MEM char *out = make_out();
	AUTO_FD int fd = open_in_root("good.deb", O_RDONLY);
	char stages[64] = "";

	assert_ok(kernel_import_deb(fd, out, note_stage, stages, &k, &e));
	assert_string_equal(stages, "readingindexing");
	assert_string_equal(k.release, RELEASE);
	assert_int_equal(k.n_modules, ARRAY_LEN(MODULES));
	assert_true(k.has_modules && k.has_pvh && k.has_snapshot);
	assert_true(k.size_bytes > 0 && k.size_bytes < 8 << 20);
	assert_int_equal(strlen(k.digest), 64);
	sh("test $(sha256sum < good.deb | cut -c1-64) = %s", k.digest);
	check_modules(out);
}

static void test_file_with_modules(void **state)
{
	struct err e = { 0 };
	struct kernel_facts k;
	static const char *const folders[] = { "t", "t/lib/modules", ("t/lib/modules/" RELEASE) };

	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		AUTO_MEM char *out = make_out();
		AUTO_FD int fd = open_in_root("t/boot/vmlinuz-" RELEASE, O_RDONLY);
		AUTO_FD int modules = open_in_root(folders[i], O_RDONLY | O_DIRECTORY);
		assert_ok(kernel_import_file(fd, modules, out, NULL, NULL, &k, &e));
		assert_int_equal(k.n_modules, ARRAY_LEN(MODULES));
		check_modules(out);
	}
}

static void test_file_alone(void **state)
{
	struct err e = { 0 };
	struct kernel_facts k;
	AUTO_MEM char *out = make_out();
	AUTO_FD int fd = open_in_root("t/boot/vmlinuz-" RELEASE, O_RDONLY);

	assert_ok(kernel_import_file(fd, -1, out, NULL, NULL, &k, &e));
	assert_false(k.has_modules || k.has_snapshot);
	sh("test -s %s/" KERNEL_VMLINUX " && test ! -e %s/" KERNEL_MODULES, out, out);
	AUTO_MEM char *again = mem_printf("%s/" KERNEL_VMLINUX, out), *other = make_out();
	AUTO_FD int elf = open(again, O_RDONLY | O_CLOEXEC);
	assert_ok(kernel_import_file(elf, -1, other, NULL, NULL, &k, &e));
	assert_string_equal(k.release, RELEASE);
	sh("cmp %s/" KERNEL_VMLINUX " %s/" KERNEL_VMLINUX, out, other);
}

static void refuse_deb(const char *name, enum err_code code, const char *text)
{
	struct err e = { 0 };
	struct kernel_facts k;
	AUTO_MEM char *out = make_out();
	AUTO_FD int fd = open_in_root(name, O_RDONLY);

	if (kernel_import_deb(fd, out, NULL, NULL, &k, &e) == 0)
		fail_msg("%s: imported", name);
	if (e.code != code || !strstr(e.msg, text))
		fail_msg("%s (%s), not %s", e.msg, err_code_name(e.code), text);
}

static void test_refused(void **state)
{
	make_tree("lacks", "virtio_blk");
	sh("dpkg-deb -Znone -b lacks lacks.deb > /dev/null");
	sh("mv lacks/lib/modules/" RELEASE " lacks/lib/modules/6.2.0 && dpkg-deb -Znone -b lacks other.deb > /dev/null");
	sh("cp -r t two && cp two/boot/vmlinuz-* two/boot/vmlinuz-6.9.9 && dpkg-deb -Znone -b two two.deb > /dev/null");
	sh("cp -r t mixed && cp -r mixed/lib/modules/" RELEASE " mixed/lib/modules/6.9.9 && dpkg-deb -Znone -b mixed mixed.deb > /dev/null");
	sh("cp -r t bare && rm -r bare/lib && dpkg-deb -Znone -b bare bare.deb > /dev/null");
	sh("cp -r t none && rm -r none/boot && dpkg-deb -Znone -b none none.deb > /dev/null");
	sh("cp -r t bad && truncate -s 100 bad/lib/modules/" RELEASE "/kernel/x/unused.ko && dpkg-deb -Znone -b bad bad.deb > /dev/null");
	sh("head -c -300 good.deb > cut.deb; sed 's/" RELEASE "/6.1.0-57-cloud-amd64/' < t/boot/vmlinuz-" RELEASE " > renamed");
	sh("cp -r t wrong && mv renamed wrong/boot/vmlinuz-" RELEASE " && mv wrong/lib/modules/" RELEASE " wrong/lib/modules/6.1.0-57-cloud-amd64");
	sh("dpkg-deb -Znone -b wrong wrong.deb > /dev/null");
	refuse_deb("lacks.deb", ERR_INVALID, "lacks what a guest needs: 'virtio_blk'");
	refuse_deb("other.deb", ERR_INVALID, "package holds modules for '6.2.0'");
	refuse_deb("two.deb", ERR_INVALID, "more than one kernel");
	refuse_deb("mixed.deb", ERR_INVALID, "of two kernels");
	refuse_deb("bare.deb", ERR_INVALID, "holds no modules");
	refuse_deb("none.deb", ERR_INVALID, "holds no kernel");
	refuse_deb("bad.deb", ERR_CORRUPT, "unused.ko");
	refuse_deb("cut.deb", ERR_CORRUPT, "");
	refuse_deb("wrong.deb", ERR_INVALID, "modules are for '" RELEASE "', but the kernel is '6.1.0-57-cloud-amd64'");
}

static void test_refused_files(void **state)
{
	struct err e = { 0 };
	struct kernel_facts k;
	AUTO_MEM char *out = make_out();
	AUTO_FD int fd = open_in_root("t/boot/vmlinuz-" RELEASE, O_RDONLY);
	AUTO_FD int text = open_in_root("t/DEBIAN/control", O_RDONLY);
	AUTO_FD int dir = open_in_root("t/DEBIAN", O_RDONLY | O_DIRECTORY);

	assert_err(kernel_import_file(text, -1, out, NULL, NULL, &k, &e), ERR_INVALID);
	assert_err(kernel_import_file(dir, -1, out, NULL, NULL, &k, &e), ERR_INVALID);
	assert_err(kernel_import_file(fd, dir, out, NULL, NULL, &k, &e), ERR_INVALID);
	assert_err(kernel_import_file(fd, -1, "/nonexistent", NULL, NULL, &k, &e), ERR_NOT_FOUND);
}

/* RLIMIT_FSIZE stands in for a disk that ends. */
static void test_file_that_cannot_grow(void **state)
{
	struct err e = { 0 };
	struct kernel_facts k;
	AUTO_MEM char *out = make_out();
	AUTO_FD int fd = open_in_root("good.deb", O_RDONLY);
	struct rlimit old, small = { 0 };

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_cur = 20000;
	small.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int r = kernel_import_deb(fd, out, NULL, NULL, &k, &e);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(r, -1);
	assert_non_null(strstr(e.msg, KERNEL_VMLINUX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deb),
		cmocka_unit_test(test_file_with_modules),
		cmocka_unit_test(test_file_alone),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_refused_files),
		cmocka_unit_test(test_file_that_cannot_grow),
	};
	return cmocka_run_group_tests_name("kernel/import", tests, setup, teardown);
}
