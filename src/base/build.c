/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/build.h"

#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

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

/* The ELF header, where the linker has put it; addresses in the program headers count from it. */
extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));

/* What lies behind the ELF header is read through it, which the sanitizer takes for an object of the header's size. */
__attribute__((no_sanitize("object-size"))) const char *build_id(void)
{
	static char id[2 * ID_MAX + 1];
	const unsigned char *base = (const unsigned char *)&__ehdr_start;
	const Elf64_Phdr *ph = (const Elf64_Phdr *)(base + __ehdr_start.e_phoff);
	uint64_t first = UINT64_MAX;

	if (*id)
		return id;
	for (size_t i = 0; i < __ehdr_start.e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && ph[i].p_vaddr < first)
			first = ph[i].p_vaddr;
	for (size_t i = 0; i < __ehdr_start.e_phnum; i++)
		if (ph[i].p_type == PT_NOTE)
			find_in_notes(base + (ph[i].p_vaddr - first), base + (ph[i].p_vaddr - first) + ph[i].p_memsz, id);
	return *id ? id : "unknown";
}
