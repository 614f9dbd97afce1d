/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Kernels in the small: what is looked at of one, and nothing that runs. Include after unit.h. */

#include <stdbool.h>

#include "base/mem.h"

#define ELF_BYTES 40000 /* of a sample kernel */
#define BANNER_AT 20000

static inline void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}
static inline void put32(uint8_t *p, unsigned v)
{
	put16(p, v & 0xffff);
	put16(p + 2, v >> 16);
}

/* ELF header, one loaded segment, one of notes. */
static inline void make_elf(uint8_t *p, bool pvh)
{
	memset(p, 0, ELF_BYTES);
	memcpy(p, "\x7f" "ELF\2\1\1", 7);
	put16(p + 16, 2);
	put16(p + 18, 62);
	put32(p + 32, 64);
	put16(p + 54, 56);
	put16(p + 56, 2);
	put32(p + 64, 1);
	put32(p + 64 + 8, 4096);
	put32(p + 64 + 32, ELF_BYTES - 4096);
	put32(p + 120, 4);
	put32(p + 120 + 8, 200);
	put32(p + 120 + 32, 48);
	put32(p + 200, 4); /* another's note first */
	put32(p + 204, 8);
	put32(p + 208, 3);
	memcpy(p + 212, "GNU", 4);
	put32(p + 224, 4);
	put32(p + 228, 4);
	put32(p + 232, pvh ? 18 : 17);
	memcpy(p + 236, "Xen", 4);
	put32(p + 240, 0x1000000);
	strcpy((char *)p + BANNER_AT - 100, "Linux version %s (%s)");
	strcpy((char *)p + BANNER_AT, "Linux version 6.1.0-56-cloud-amd64 (debian-kernel@lists.debian.org) #1 SMP");
}

static inline uint8_t *make_bzimage(const uint8_t *payload, size_t n, size_t *ret_n)
{
	uint8_t *p = mem_new(1024 + 64 + n + 100);

	p[0x1f1] = 1;
	put16(p + 0x1fe, 0xaa55);
	memcpy(p + 0x202, "HdrS", 4);
	put16(p + 0x206, 0x20f);
	put16(p + 0x20e, 0x300 - 0x200);
	put32(p + 0x248, 64);
	put32(p + 0x24c, (unsigned)n);
	strcpy((char *)p + 0x300, "6.1.0-56-cloud-amd64 (builder) #1 SMP");
	memcpy(p + 1024 + 64, payload, n);
	*ret_n = 1024 + 64 + n + 100;
	return p;
}
