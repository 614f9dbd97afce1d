/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/build.h"

#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

enum { ID_MAX = 32 };

const char *build_version(void)
{
	return BANGER_VERSION;
}

static void find_in_notes(const unsigned char *at, const unsigned char *end, char *out)
{
	while (at + sizeof(Elf64_Nhdr) <= end) {
		Elf64_Nhdr h;
		memcpy(&h, at, sizeof(h));
		const unsigned char *desc = at + sizeof(h) + ((h.n_namesz + 3) & ~3u);
		if (h.n_type == NT_GNU_BUILD_ID && h.n_namesz == 4 && memcmp(at + sizeof(h), "GNU", 4) == 0)
			for (size_t i = 0; i < h.n_descsz && i < ID_MAX; i++)
				snprintf(out + 2 * i, 3, "%02x", desc[i]);
		at = desc + ((h.n_descsz + 3) & ~3u);
	}
}

const char *build_id(void)
{
	static char id[2 * ID_MAX + 1];
	const Elf64_Phdr *ph = (const Elf64_Phdr *)getauxval(AT_PHDR);
	size_t n = getauxval(AT_PHNUM);
	uintptr_t bias = 0;

	if (*id || !ph)
		return *id ? id : "unknown";
	for (size_t i = 0; i < n; i++)
		if (ph[i].p_type == PT_PHDR)
			bias = (uintptr_t)ph - ph[i].p_vaddr;
	for (size_t i = 0; i < n; i++) {
		const unsigned char *at = (const unsigned char *)(bias + ph[i].p_vaddr);
		if (ph[i].p_type == PT_NOTE && bias)
			find_in_notes(at, at + ph[i].p_memsz, id);
	}
	return *id ? id : "unknown";
}
