/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kfile_elf_kernel on any bytes: bzImage, ELF, and the six compressions. */
#include <stdlib.h>

#include "kfile/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = { 0 };
	struct kernel_elf k;

	if (kfile_elf_kernel(data, size, &k, &e) < 0) {
		if (e.code == ERR_NONE || !e.msg[0])
			abort();
		return 0;
	}
	if (!kfile_release_valid(k.release) || !k.n)
		abort();
	kfile_elf_done(&k);
	return 0;
}
