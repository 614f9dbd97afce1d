/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Reading of ELF64 little-endian files, for the files of this room only. Layout: System V ABI, "Object Files"; linux/elf.h. */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

static inline uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}
static inline uint32_t le32(const uint8_t *p)
{
	return (uint32_t)le16(p) | (uint32_t)le16(p + 2) << 16;
}
static inline uint64_t le64(const uint8_t *p)
{
	return (uint64_t)le32(p) | (uint64_t)le32(p + 4) << 32;
}

#define ELF_TYPE_REL 1
#define ELF_TYPE_EXEC 2
#define ELF_TYPE_DYN 3

/* A file whose header has been checked. Its two tables lie within it. */
struct elf_view {
	const uint8_t *data;
	size_t n;
	unsigned type;
	const uint8_t *programs; /* n_programs entries of ELF_PROGRAM_BYTES */
	unsigned n_programs;
	const uint8_t *sections; /* n_sections entries of ELF_SECTION_BYTES */
	unsigned n_sections;
	unsigned names; /* section that holds the sections' names */
};
#define ELF_PROGRAM_BYTES 56
#define ELF_SECTION_BYTES 64

struct elf_part {
	const uint8_t *data;
	size_t n;
};

/* Checks the header of an ELF64 x86-64 file; no copy is made. ERR_INVALID: something else; ERR_CORRUPT: its tables lie outside. */
MUST int kfile_elf_view(const void *data, size_t n, struct elf_view *ret, struct err *e);
/* The contents of section i, empty when it has none in the file. ERR_CORRUPT when they lie outside. */
MUST int kfile_elf_section(const struct elf_view *v, unsigned i, struct elf_part *ret, struct err *e);
/* The contents of the first section of that name; *ret is empty when there is none. */
MUST int kfile_elf_find(const struct elf_view *v, const char *name, struct elf_part *ret, struct err *e);
