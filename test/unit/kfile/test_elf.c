/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernels in the small: an ELF file with what is looked at, wrapped as the kernel's build wraps it, by the real compressors. */
#include "unit.h"

#include "base/auto.h"
#include "base/mem.h"
#include "compress.h"
#include "kfile/elf.h"
#include "kernel_sample.h"

static void test_vmlinux(void **state)
{
	struct err e = { 0 };
	AUTO_MEM uint8_t *elf = mem_new(ELF_BYTES);
	struct kernel_elf k;

	make_elf(elf, true);
	assert_ok(kfile_elf_kernel(elf, ELF_BYTES, &k, &e));
	assert_ptr_equal(k.data, elf);
	assert_string_equal(k.release, "6.1.0-56-cloud-amd64");
	assert_true(k.pvh);
	assert_false(k.bzimage);
	kfile_elf_done(&k);
	make_elf(elf, false);
	assert_ok(kfile_elf_kernel(elf, ELF_BYTES, &k, &e));
	assert_false(k.pvh);
	kfile_elf_done(&k);
}

static void test_bzimage_of_every_compression(void **state)
{
	static const char *const commands[] = { "gzip -n", "xz --check=crc32 --x86 --lzma2=preset=1", "xz --format=lzma -1", "bzip2", "zstd -q",
						"lz4 -q -l", "cat" };
	AUTO_MEM uint8_t *elf = mem_new(ELF_BYTES);

	make_elf(elf, true);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		struct err e = { 0 };
		struct kernel_elf k;
		size_t n, m;
		AUTO_MEM uint8_t *z = strcmp(commands[i], "cat") ? compress_by(commands[i], elf, ELF_BYTES, &n) : NULL;
		if (!z) {
			z = mem_dup(elf, ELF_BYTES);
			n = ELF_BYTES;
		} else if (i) {
			put32(z + n, ELF_BYTES);
			n += 4;
		}
		AUTO_MEM uint8_t *bz = make_bzimage(z, n, &m);
		assert_ok(kfile_elf_kernel(bz, m, &k, &e));
		assert_true(k.bzimage && k.pvh);
		assert_int_equal(k.n, ELF_BYTES);
		assert_memory_equal(k.data, elf, ELF_BYTES);
		assert_string_equal(k.release, "6.1.0-56-cloud-amd64");
		kfile_elf_done(&k);
		for (size_t cut = 600; cut < m - 100; cut += n / 5)
			assert_err(kfile_elf_kernel(bz, cut, &k, &e), ERR_CORRUPT);
		if (strcmp(commands[i], "cat")) {
			put32(bz + m - 104, ELF_BYTES + 1);
			assert_err(kfile_elf_kernel(bz, m, &k, &e), ERR_CORRUPT);
		}
	}
}

static void test_release_from_banner_and_compressed_vmlinux(void **state)
{
	struct err e = { 0 };
	AUTO_MEM uint8_t *elf = mem_new(ELF_BYTES);
	struct kernel_elf k;
	size_t n, m;

	make_elf(elf, true);
	strcpy((char *)elf + BANNER_AT + 14, "6.12.5+deb13~bpo-1 (x)");
	AUTO_MEM uint8_t *z = compress_by("gzip -n", elf, ELF_BYTES, &n);
	assert_ok(kfile_elf_kernel(z, n, &k, &e));
	assert_string_equal(k.release, "6.12.5+deb13~bpo-1");
	kfile_elf_done(&k);
	AUTO_MEM uint8_t *bz = make_bzimage(z, n, &m);
	put16(bz + 0x20e, 0);
	assert_ok(kfile_elf_kernel(bz, m, &k, &e));
	assert_string_equal(k.release, "6.12.5+deb13~bpo-1");
	kfile_elf_done(&k);
}

static void refuse(size_t at, const void *bytes, size_t n_bytes, enum err_code code)
{
	struct err e = { 0 };
	AUTO_MEM uint8_t *elf = mem_new(ELF_BYTES);
	struct kernel_elf k;

	make_elf(elf, true);
	memcpy(elf + at, bytes, n_bytes);
	assert_err(kfile_elf_kernel(elf, ELF_BYTES, &k, &e), code);
}

static void test_refused(void **state)
{
	struct err e = { 0 };
	struct kernel_elf k;

	refuse(4, "\1", 1, ERR_INVALID);             /* 32 bit */
	refuse(18, "\xb7", 1, ERR_INVALID);          /* aarch64 */
	refuse(16, "\1", 1, ERR_INVALID);            /* an object file */
	refuse(54, "\0", 1, ERR_CORRUPT);            /* entry size */
	refuse(34, "\1", 1, ERR_CORRUPT);            /* program headers outside */
	refuse(60, "\1\0\3\0", 4, ERR_CORRUPT);      /* section headers of no size */
	refuse(64 + 32 + 3, "\1", 1, ERR_CORRUPT);   /* segment outside */
	refuse(64, "\6", 1, ERR_INVALID);            /* nothing to load */
	refuse(BANNER_AT + 14, "%s", 2, ERR_INVALID); /* no version */
	refuse(BANNER_AT + 18, "/", 1, ERR_CORRUPT); /* a bad one */
	assert_err(kfile_elf_kernel("", 0, &k, &e), ERR_INVALID);
	assert_err(kfile_elf_kernel("#!/bin/sh\n", 10, &k, &e), ERR_INVALID);
	assert_err(kfile_elf_kernel("\x1f\x8b\x08", 3, &k, &e), ERR_CORRUPT);
}

static void test_old_protocol(void **state)
{
	struct err e = { 0 };
	struct kernel_elf k;
	size_t m;
	AUTO_MEM uint8_t *bz = make_bzimage((const uint8_t *)"abcd", 4, &m);

	put16(bz + 0x206, 0x207);
	assert_err(kfile_elf_kernel(bz, m, &k, &e), ERR_INVALID);
}

static void test_release_names(void **state)
{
	assert_true(kfile_release_valid("6.1.0-56-cloud-amd64"));
	assert_true(kfile_release_valid("6.12.117+deb13-cloud-amd64"));
	assert_false(kfile_release_valid(""));
	assert_false(kfile_release_valid(".."));
	assert_false(kfile_release_valid("6.1/../x"));
	assert_false(kfile_release_valid("60123456789012345678901234567890123456789012345678901234567890123456"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vmlinux),
		cmocka_unit_test(test_bzimage_of_every_compression),
		cmocka_unit_test(test_release_from_banner_and_compressed_vmlinux),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_old_protocol),
		cmocka_unit_test(test_release_names),
	};
	return cmocka_run_group_tests_name("kfile/elf", tests, NULL, NULL);
}
