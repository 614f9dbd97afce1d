/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The asking side, for a look at whether names are answered. */
#include <string.h>

#include "dns/query.h"
#include "dns/wire.h"

size_t dns_question(uint16_t id, const char *name, enum dns_type type, uint8_t out[static DNS_UDP_MIN])
{
	const uint8_t head[DNS_HEAD] = { (uint8_t)(id >> 8), (uint8_t)id, 1, 0, 0, 1 };
	size_t at = DNS_HEAD;

	memcpy(out, head, sizeof(head));
	if (strlen(name) > DNS_NAME_MAX - 2)
		return 0;
	while (*name) {
		size_t n = strcspn(name, ".");

		if (!n || n > DNS_LABEL_MAX)
			return 0;
		out[at++] = (uint8_t)n;
		memcpy(out + at, name, n);
		at += n;
		name += n + (name[n] == '.');
	}
	const uint8_t tail[] = { 0, (uint8_t)((unsigned)type >> 8), (uint8_t)type, 0, 1 };
	memcpy(out + at, tail, sizeof(tail));
	return at + sizeof(tail);
}

bool dns_has_record(const uint8_t *q, size_t n_q, const uint8_t *answer, size_t n, enum dns_type type)
{
	size_t at = n_q;

	if (n < n_q || memcmp(answer, q, 2) != 0 || !(answer[2] & 0x80) || answer[3] & 15 || dns_get16(answer + 4) != 1)
		return false;
	/* A resolver repeats the question as it was asked. */
	if (memcmp(answer + DNS_HEAD, q + DNS_HEAD, n_q - DNS_HEAD) != 0)
		return false;
	for (unsigned i = dns_get16(answer + 6); i; i--) {
		size_t name = dns_name_size(answer, at, n);

		if (!name || at + name + 10 > n)
			return false;
		if (dns_get16(answer + at + name) == type)
			return true;
		at += name + 10 + dns_get16(answer + at + name + 8);
	}
	return false;
}
