/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vsock/guest_mem.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* True when [a, a + n) is no range of 64 bit numbers. */
static int wraps(uint64_t a, uint64_t n)
{
	uint64_t end;

	return __builtin_add_overflow(a, n, &end);
}

static int overlaps(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
	return a < b + b_bytes && b < a + a_bytes;
}

int guest_mem_add(struct guest_mem *m, int fd, uint64_t guest_addr, uint64_t bytes, uint64_t vmm_addr, uint64_t offset, struct err *e)
{
	struct guest_mem_region *r = &m->region[m->n_regions];
	struct stat st;

	if (m->n_regions == GUEST_MEM_REGIONS_MAX)
		return err_set(e, ERR_INVALID, "more than %d memory regions", GUEST_MEM_REGIONS_MAX);
	if (!bytes || wraps(guest_addr, bytes) || wraps(vmm_addr, bytes) || wraps(offset, bytes))
		return err_set(e, ERR_INVALID, "memory region of %" PRIu64 " bytes at %#" PRIx64 " is no range", bytes, guest_addr);
	for (unsigned i = 0; i < m->n_regions; i++)
		if (overlaps(guest_addr, bytes, m->region[i].guest_addr, m->region[i].bytes))
			return err_set(e, ERR_INVALID, "memory regions overlap at %#" PRIx64, guest_addr);
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "memory region");
	if (st.st_size < 0 || (uint64_t)st.st_size < offset + bytes)
		return err_set(e, ERR_INVALID, "memory region ends behind its file");

	/* Offsets need not be on a page (QEMU's are), so the map begins at the file's start. */
	r->map_bytes = offset + bytes;
	r->map = mmap(NULL, r->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (r->map == MAP_FAILED)
		return err_sys(e, errno, "map guest memory");
	r->guest_addr = guest_addr;
	r->bytes = bytes;
	r->vmm_addr = vmm_addr;
	r->at = (char *)r->map + offset;
	m->n_regions++;
	return 0;
}

void guest_mem_done(struct guest_mem *m)
{
	for (unsigned i = 0; i < m->n_regions; i++)
		munmap(m->region[i].map, m->region[i].map_bytes);
	m->n_regions = 0;
}

void *guest_mem_at(const struct guest_mem *m, uint64_t guest_addr, uint64_t len, uint64_t *ret_bytes)
{
	for (unsigned i = 0; i < m->n_regions; i++) {
		const struct guest_mem_region *r = &m->region[i];
		uint64_t in = guest_addr - r->guest_addr;

		if (guest_addr < r->guest_addr || in >= r->bytes)
			continue;
		*ret_bytes = len < r->bytes - in ? len : r->bytes - in;
		return r->at + in;
	}
	return NULL;
}

void *guest_mem_at_vmm(const struct guest_mem *m, uint64_t vmm_addr, uint64_t len, size_t align)
{
	for (unsigned i = 0; i < m->n_regions; i++) {
		const struct guest_mem_region *r = &m->region[i];
		uint64_t in = vmm_addr - r->vmm_addr;

		if (vmm_addr < r->vmm_addr || in >= r->bytes || len > r->bytes - in)
			continue;
		return ((uintptr_t)(r->at + in) & (align - 1)) ? NULL : r->at + in;
	}
	return NULL;
}
