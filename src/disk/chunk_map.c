/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>

#include "base/mem.h"
#include "disk/disk_internal.h"

enum { PAGE_CHUNKS = 1024 };

void chunk_map_init(struct chunk_map *m, uint64_t n)
{
	m->n_pages = n / PAGE_CHUNKS + 1;
	m->pages = mem_array(m->n_pages, sizeof(*m->pages));
}

void chunk_map_done(struct chunk_map *m)
{
	for (uint64_t i = 0; i < m->n_pages; i++)
		free(m->pages[i]);
	free(m->pages);
	*m = (struct chunk_map){ 0 };
}

uint32_t chunk_map_get(const struct chunk_map *m, uint64_t chunk)
{
	uint64_t page = chunk / PAGE_CHUNKS;

	return page < m->n_pages && m->pages[page] ? m->pages[page][chunk % PAGE_CHUNKS] : 0;
}

void chunk_map_set(struct chunk_map *m, uint64_t chunk, uint32_t to)
{
	uint64_t page = chunk / PAGE_CHUNKS;

	assert(page < m->n_pages);
	if (!m->pages[page])
		m->pages[page] = mem_array(PAGE_CHUNKS, sizeof(**m->pages));
	m->pages[page][chunk % PAGE_CHUNKS] = to;
}
