/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The bootable ELF file out of whatever a kernel is shipped as: bzImage (Documentation/arch/x86/boot.rst), vmlinux, compressed vmlinux. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"
#include "unpack/inflate.h"

#define KFILE_KERNEL_MAX ((size_t)512 << 20) /* bytes of a vmlinux */
#define KFILE_RELEASE_SIZE 65                /* new_utsname.release with its NUL */

struct kernel_elf {
	const uint8_t *data; /* the ELF file: in the input when that is one itself, else in own */
	size_t n;
	void *own;
	char release[KFILE_RELEASE_SIZE]; /* uname -r */
	bool bzimage;
	bool pvh; /* has the entry point that QEMU and Firecracker can start in 32-bit mode (XEN_ELFNOTE_PHYS32_ENTRY) */
	enum unpack_kind compression;
};

/* Finds the kernel in data, which must outlive *ret. ERR_INVALID: no x86-64 kernel; ERR_CORRUPT: a damaged or cut one. */
MUST int kfile_elf_kernel(const void *data, size_t n, struct kernel_elf *ret, struct err *e);
void kfile_elf_done(struct kernel_elf *k);
/* Whether s can be a kernel release: letters, digits and "._+~-", and so one harmless path component. */
bool kfile_release_valid(const char *s);
