/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rings as a hostile guest writes them. Input: size (2 bytes), flags (1), last_avail (2), what the regions are (1), then guest memory. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vsock/virtq.h"

enum { HEAD = 6, BYTES = 0x6000, CUT = 0x5000, GUEST_AT = 0x10000, VMM_AT = 0x20000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two regions that are neighbours for the guest, so that buffers span them; allocated apart, so that the sanitizer sees a step over the edge. */
static void use(struct virtq *q, uint8_t flags)
{
	struct virtq_chain c[4];
	struct err e = { 0 };

	for (unsigned round = 0; round < 64; round++) {
		unsigned n = 0;
		bool any = true;
		while (n < 4 && virtq_pop(q, &c[n], &any, &e) == 0 && any)
			n++;
		e = (struct err){ 0 };
		for (unsigned i = 0; i < n; i++)
			for (unsigned k = 0; k < c[i].n_out + c[i].n_in; k++)
				memset(c[i].iov[k].iov_base, k, c[i].iov[k].iov_len); /* this changes rings too: fine, a guest does so */
		if (n > 1 && (flags & 4))
			virtq_unpop(q, 1), n--;
		for (unsigned i = 0; i < n; i++)
			virtq_push(q, c[i].head, (uint32_t)c[i].in_bytes);
		virtq_must_tell(q);
		if (!virtq_ask_kick(q) && !n)
			return;
		virtq_refuse_kick(q);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct guest_mem m = { 0 };
	struct virtq q = { .mem = &m };
	struct err e = { 0 };
	char *a, *b;

	if (size < HEAD)
		return 0;
	a = calloc(1, CUT);
	b = calloc(1, BYTES - CUT);
	m.region[m.n_regions++] = (struct guest_mem_region){ GUEST_AT, CUT, VMM_AT, a, NULL, 0 };
	if (!(data[5] & 1))
		m.region[m.n_regions++] = (struct guest_mem_region){ GUEST_AT + CUT, BYTES - CUT, VMM_AT + CUT, b, NULL, 0 };
	q.size = (uint16_t)(data[0] | data[1] << 8);
	q.indirect = data[2] & 1;
	q.event_idx = data[2] & 2;
	q.last_avail = (uint16_t)(data[3] | data[4] << 8);
	size -= HEAD;
	memcpy(a, data + HEAD, size < CUT ? size : CUT);
	if (size > CUT)
		memcpy(b, data + HEAD + CUT, size - CUT < BYTES - CUT ? size - CUT : BYTES - CUT);
	if (virtq_map(&q, VMM_AT, VMM_AT + 0x1000 + (data[5] & 2 ? 1 : 0), VMM_AT + (data[5] & 4 ? BYTES : 0x2000), &e) == 0)
		use(&q, data[2]);
	free(a);
	free(b);
	return 0;
}
