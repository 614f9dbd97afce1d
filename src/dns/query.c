/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/query.h"

#include "dns/wire.h"
#include "dns/zone.h"

enum { POINTER = 0xc0, RECORD_FIXED = 10, CLASS_AND_TYPE = 4 };

uint16_t dns_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

size_t dns_name_size(const uint8_t *data, size_t at, size_t n)
{
	size_t size = 0;

	while (at + size < n && size < DNS_NAME_MAX) {
		uint8_t label = data[at + size];

		if (label == 0)
			return size + 1;
		if ((label & POINTER) == POINTER)
			return at + size + 2 <= n ? size + 2 : 0;
		if (label & POINTER)
			return 0;
		size += 1u + label;
	}
	return 0;
}

/* The question's name stands first, so there is nothing that it could point to. */
static bool read_name(const uint8_t *data, size_t n, struct dns_query *q)
{
	size_t at = DNS_HEAD;

	while (at < n && data[at] && data[at] <= DNS_LABEL_MAX) {
		size_t label = data[at];

		if (at + 1 + label >= n || at + 1 + label - DNS_HEAD >= DNS_NAME_MAX)
			return false;
		q->labels[q->n_labels++] = (struct dns_label){ (const char *)data + at + 1, label };
		at += 1 + label;
	}
	if (at >= n || data[at])
		return false;
	q->name_len = at + 1 - DNS_HEAD;
	return true;
}

/* What stands behind the question is of interest only for EDNS (RFC 6891): one record at most, of the root, among the additional ones. */
static bool read_records(const uint8_t *data, size_t n, size_t at, struct dns_query *q)
{
	unsigned before = (unsigned)dns_get16(data + 6) + dns_get16(data + 8), all = before + dns_get16(data + 10);

	for (unsigned i = 0; i < all; i++) {
		size_t name = dns_name_size(data, at, n);

		if (!name || at + name + RECORD_FIXED > n)
			return false;
		const uint8_t *fixed = data + at + name;
		size_t size = name + RECORD_FIXED + dns_get16(fixed + 8);
		if (size > n - at)
			return false;
		if (dns_get16(fixed) == DNS_OPT) {
			if (i < before || q->edns || name != 1)
				return false;
			q->edns = true;
			q->edns_size = dns_get16(fixed + 2);
			q->edns_version = fixed[5];
		}
		at += size;
	}
	return at == n;
}

void dns_query_read(const uint8_t *data, size_t n, struct dns_query *ret)
{
	unsigned opcode = data[2] >> 3 & 15;

	*ret = (struct dns_query){ .rcode = DNS_FORMERR };
	if (opcode) {
		ret->rcode = DNS_NOTIMP;
		return;
	}
	if (dns_get16(data + 4) != 1 || !read_name(data, n, ret) || n - DNS_HEAD - ret->name_len < CLASS_AND_TYPE)
		return;
	const uint8_t *p = data + DNS_HEAD + ret->name_len;
	ret->type = dns_get16(p);
	ret->class = dns_get16(p + 2);
	ret->has_question = true;
	if (read_records(data, n, DNS_HEAD + ret->name_len + CLASS_AND_TYPE, ret))
		ret->rcode = ret->edns && ret->edns_version ? DNS_BADVERS : DNS_NOERROR;
}
