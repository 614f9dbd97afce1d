/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A guest's memory as its VMM shares it: mapped regions and the translation of guest and VMM addresses, both chosen by others. */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { GUEST_MEM_REGIONS_MAX = 8 };

struct guest_mem_region {
	uint64_t guest_addr; /* physical, in the guest */
	uint64_t bytes;
	uint64_t vmm_addr;   /* where the VMM has it; vring addresses are given so */
	char *at;            /* here */
	void *map;           /* what munmap takes, with map_bytes */
	size_t map_bytes;
};

struct guest_mem {
	unsigned n_regions;
	struct guest_mem_region region[GUEST_MEM_REGIONS_MAX];
};

/* Maps bytes at offset of fd (which stays the caller's) as one more region. A file that is too short, an overlap or a number that wraps is ERR_INVALID. */
MUST int guest_mem_add(struct guest_mem *m, int fd, uint64_t guest_addr, uint64_t bytes, uint64_t vmm_addr, uint64_t offset, struct err *e);
/* Unmaps everything. */
void guest_mem_done(struct guest_mem *m);
/* Where the bytes from guest_addr on are, and in *ret_bytes how many of len lie in one piece; NULL outside of every region. */
void *guest_mem_at(const struct guest_mem *m, uint64_t guest_addr, uint64_t len, uint64_t *ret_bytes);
/* The same for len bytes at an address of the VMM's, all in one piece and aligned to align; else NULL. */
void *guest_mem_at_vmm(const struct guest_mem *m, uint64_t vmm_addr, uint64_t len, size_t align);
