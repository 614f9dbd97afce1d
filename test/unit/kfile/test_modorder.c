/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/auto.h"
#include "kfile/modorder.h"
#include "ko.h"

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void add(struct modset *s, const char *path, const char *const *info, const char *const *exports, const char *const *imports)
{
	struct err e = { 0 };
	AUTO_DONE(str_done) struct str ko = STR_INIT;

	ko_make(&(struct ko){ info, exports, imports, 1 }, &ko);
	assert_ok(kfile_modset_add(s, path, ko.data, ko.len, &e));
}

static struct modset *sample(void)
{
	struct err e = { 0 };
	static const char builtin[] = "kernel/drivers/virtio/virtio_mmio.ko\n";
	struct modset *s = kfile_modset_new();

	add(s, "kernel/virtio.ko", LIST("license=GPL"), LIST("virtio_new"), LIST("ring_new"));
	add(s, "kernel/virtio-ring.ko", LIST("license=GPL"), LIST("ring_new"), LIST("printk"));
	add(s, "kernel/virtio_blk.ko", LIST("license=GPL"), NULL, LIST("virtio_new", "ring_new"));
	add(s, "kernel/ext4.ko", LIST("softdep=pre: crc32c post: after-fs none"), NULL, LIST("jbd2_new"));
	add(s, "kernel/jbd2.ko", LIST("license=GPL"), LIST("jbd2_new"), NULL);
	add(s, "kernel/crc32c-fast.ko", LIST("alias=crc32c", "softdep=pre: ext4"), NULL, NULL);
	add(s, "kernel/crc32c-generic.ko", LIST("alias=crc32c"), NULL, NULL);
	add(s, "kernel/after-fs.ko", LIST("license=GPL"), NULL, NULL);
	add(s, "kernel/unused.ko", LIST("license=GPL"), NULL, NULL);
	kfile_modset_builtin(s, builtin, sizeof(builtin) - 1);
	assert_ok(kfile_modset_finish(s, &e));
	return s;
}

static void expect(const struct modset *s, const struct modorder *o, const char *want)
{
	AUTO_DONE(str_done) struct str got = STR_INIT;

	for (size_t i = 0; i < o->n; i++)
		str_addf(&got, "%s%s", i ? " " : "", kfile_modset_name(s, o->v[i]));
	assert_string_equal(got.data ? got.data : "", want);
}

static void test_order(void **state)
{
	struct err e = { 0 };
	AUTO(kfile_modset_free) struct modset *s = sample();
	AUTO_DONE(kfile_modorder_done) struct modorder o = { 0 };
	static const struct modorder_want wants[] = { { "virtio_pci", 1 }, { "virtio_mmio", 1 }, { "virtio-blk", 2 }, { "ext4", 3 }, { "dm_mod", 0 },
						      { NULL, 0 } };

	assert_ok(kfile_modorder(s, wants, &o, &e));
	expect(s, &o, "virtio_ring virtio virtio_blk jbd2 crc32c_fast crc32c_generic ext4 after_fs");
	assert_true(kfile_modorder_has(s, "virtio_mmio"));
	assert_true(kfile_modorder_has(s, "virtio_blk"));
	assert_false(kfile_modorder_has(s, "dm_mod"));
}

static void test_missing(void **state)
{
	struct err e = { 0 };
	AUTO(kfile_modset_free) struct modset *s = sample();
	struct modorder o;
	static const struct modorder_want wants[] = { { "a_bus", 1 }, { "b_bus", 1 }, { "virtio_blk", 2 }, { "vsock", 3 }, { NULL, 0 } };

	assert_int_equal(kfile_modorder(s, wants, &o, &e), -1);
	assert_int_equal(e.code, ERR_INVALID);
	assert_string_equal(e.msg, "kernel lacks what a guest needs: 'a_bus' or 'b_bus', 'vsock'");
}

static void test_guest_wants(void **state)
{
	struct err e = { 0 };
	AUTO(kfile_modset_free) struct modset *s = sample();
	struct modorder o;

	assert_int_equal(kfile_modorder(s, MODORDER_GUEST, &o, &e), -1);
	assert_null(strstr(e.msg, "virtio_blk"));
	assert_non_null(strstr(e.msg, "vmw_vsock_virtio_transport"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_guest_wants),
	};
	return cmocka_run_group_tests_name("kfile/modorder", tests, NULL, NULL);
}
