/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/auto.h"
#include "base/mem.h"
#include "kfile/modinfo.h"
#include "ko.h"

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const struct ko SAMPLE = {
	.info = LIST("alias=pci:v00001AF4d*", "license=GPL", "depends=virtio,virtio_ring", "softdep=pre: crc32c", "weakdep=foo", "name=virtio_blk",
		     "vermagic=6.1.0 SMP mod_unload", "alias=second", "parm=x:y", "no equals"),
	.exports = LIST("give_one", "give_two"),
	.imports = LIST("take_one", "take_two", "take_three"),
	.crcs = 1,
};

static void test_parse(void **state)
{
	struct err e = { 0 };
	AUTO_DONE(str_done) struct str ko = STR_INIT;
	AUTO_DONE(kfile_modinfo_done) struct modinfo m = { 0 };

	ko_make(&SAMPLE, &ko);
	assert_ok(kfile_modinfo_parse(ko.data, ko.len, &m, &e));
	assert_string_equal(m.name, "virtio_blk");
	assert_string_equal(m.license, "GPL");
	assert_string_equal(m.vermagic, "6.1.0 SMP mod_unload");
	assert_int_equal(m.aliases.n, 2);
	assert_string_equal(m.aliases.v[1], "second");
	assert_int_equal(m.depends.n, 2);
	assert_string_equal(m.depends.v[1], "virtio_ring");
	assert_string_equal(m.softdeps.v[0], "pre: crc32c");
	assert_string_equal(m.weakdeps.v[0], "foo");
	assert_int_equal(m.exports.n, 2);
	assert_string_equal(m.exports.v[1], "give_two");
	assert_int_equal(m.imports.n, 3);
	assert_string_equal(m.imports.v[2], "take_three");
}

static void test_exports_without_versions(void **state)
{
	struct err e = { 0 };
	AUTO_DONE(str_done) struct str ko = STR_INIT;
	AUTO_DONE(kfile_modinfo_done) struct modinfo m = { 0 };
	struct ko plain = SAMPLE;

	plain.crcs = 0;
	ko_make(&plain, &ko);
	assert_ok(kfile_modinfo_parse(ko.data, ko.len, &m, &e));
	assert_int_equal(m.exports.n, 2);
	assert_string_equal(m.exports.v[0], "give_one");
}

static void test_names(void **state)
{
	AUTO_MEM char *name = kfile_modinfo_name("kernel/drivers/md/dm-mod.ko.xz");
	AUTO_MEM char *bare = kfile_modinfo_name("dm-mod");
	AUTO_MEM char *path = kfile_modinfo_plain_path("kernel/md/dm-mod.ko.zst");
	AUTO_MEM char *other = kfile_modinfo_plain_path("modules.order");

	assert_string_equal(name, "dm_mod");
	assert_string_equal(bare, "dm_mod");
	assert_string_equal(path, "kernel/md/dm-mod.ko");
	assert_string_equal(other, "modules.order");
	assert_true(kfile_modinfo_is_module("a/b.ko"));
	assert_true(kfile_modinfo_is_module("b.ko.gz"));
	assert_false(kfile_modinfo_is_module("b.ko.bak"));
	assert_false(kfile_modinfo_is_module("a/.ko"));
	assert_false(kfile_modinfo_is_module(".ko"));
}

/* Every cut of a module either still parses or is refused; the sanitizers watch. */
static void test_cut(void **state)
{
	AUTO_DONE(str_done) struct str ko = STR_INIT;
	size_t refused = 0;

	ko_make(&SAMPLE, &ko);
	for (size_t n = 0; n < ko.len; n++) {
		struct err e = { 0 };
		struct modinfo m;
		AUTO_MEM void *part = mem_dup(ko.data, n);
		if (kfile_modinfo_parse(part, n, &m, &e) < 0) {
			assert_true(e.code == ERR_CORRUPT || e.code == ERR_INVALID);
			refused++;
		} else {
			kfile_modinfo_done(&m);
		}
	}
	assert_int_equal(refused, ko.len);
}

static void test_refused(void **state)
{
	struct err e = { 0 };
	struct modinfo m;
	AUTO_DONE(str_done) struct str ko = STR_INIT;
	AUTO_DONE(str_done) struct str bare = STR_INIT;

	ko_make(&SAMPLE, &ko);
	ko_make(&(struct ko){ .exports = LIST("x") }, &bare);
	assert_err(kfile_modinfo_parse(bare.data, bare.len, &m, &e), ERR_INVALID);
	assert_err(kfile_modinfo_parse("text", 4, &m, &e), ERR_INVALID);
	ko.data[16] = 2;
	assert_err(kfile_modinfo_parse(ko.data, ko.len, &m, &e), ERR_INVALID);
	ko.data[16] = 1;
	ko.data[62] = 77; /* names' section */
	assert_err(kfile_modinfo_parse(ko.data, ko.len, &m, &e), ERR_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_exports_without_versions),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests_name("kfile/modinfo", tests, NULL, NULL);
}
