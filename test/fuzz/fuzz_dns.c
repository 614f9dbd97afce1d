/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dns/query.h"
#include "dns/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every answer can be read to its last byte, and is no longer than its transport takes. */
static void check(const uint8_t *out, size_t n, size_t room)
{
	size_t at = DNS_HEAD;
	unsigned records;

	if (!n)
		return;
	if (n < DNS_HEAD || n > room || !(out[2] & 0x80))
		__builtin_trap();
	if (out[5]) {
		size_t name = dns_name_size(out, at, n);
		if (!name || at + name + 4 > n)
			__builtin_trap();
		at += name + 4;
	}
	records = (unsigned)dns_get16(out + 6) + dns_get16(out + 8) + dns_get16(out + 10);
	for (; records; records--) {
		size_t name = dns_name_size(out, at, n);
		if (!name || at + name + 10 > n)
			__builtin_trap();
		at += name + 10 + dns_get16(out + at + name + 8);
	}
	if (at != n)
		__builtin_trap();
}

/* The first byte chooses transport and network. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct dns_host vms[] = { { "otter", 0xac100003 }, { "deft-puma", 0xac100002 } };
	static const unsigned prefixes[] = { 24, 8, 20, 30 };
	struct dns_zone z = { .network = 0xac100000, .serial = 1 };
	uint8_t out[DNS_ANSWER_MAX], q[DNS_UDP_MIN];
	uint8_t *copy;
	size_t n;

	if (!size)
		return 0;
	z.prefix = prefixes[data[0] >> 1 & 3];
	dns_zone_set(&z, mem_dup(vms, sizeof(vms)), 2);
	/* Of its own, so that a byte too far is seen. */
	copy = mem_dup(data + 1, size - 1);
	n = dns_answer(&z, copy, size - 1, data[0] & 1, out, data[0] & 8 ? DNS_UDP_MIN : DNS_ANSWER_MAX);
	check(out, n, data[0] & 8 ? DNS_UDP_MIN : DNS_ANSWER_MAX);
	n = dns_question(0x6f74, "otter.vm", DNS_A, q);
	(void)dns_has_record(q, n, copy, size - 1, DNS_A);
	free(copy);
	dns_zone_done(&z);
	return 0;
}
