/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/zone.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int name_order(const void *a, const void *b)
{
	return strcmp(((const struct dns_host *)a)->name, ((const struct dns_host *)b)->name);
}

static int address_order(const void *a, const void *b)
{
	uint32_t x = ((const struct dns_host *)a)->address, y = ((const struct dns_host *)b)->address;

	return x < y ? -1 : x > y;
}

void dns_zone_done(struct dns_zone *z)
{
	free(z->by_name);
	free(z->by_address);
	z->by_name = z->by_address = NULL;
	z->n = 0;
}

void dns_zone_set(struct dns_zone *z, struct dns_host *hosts, size_t n)
{
	dns_zone_done(z);
	z->by_name = hosts;
	z->n = n;
	if (!n)
		return;
	z->by_address = mem_dup(hosts, n * sizeof(*hosts));
	qsort(z->by_name, n, sizeof(*hosts), name_order);
	qsort(z->by_address, n, sizeof(*hosts), address_order);
}

const struct dns_host *dns_zone_by_name(const struct dns_zone *z, const char *name, size_t n)
{
	char lower[DNS_LABEL_MAX + 1];
	const struct dns_host key = { .name = lower };

	if (!z->n || n > DNS_LABEL_MAX || memchr(name, 0, n))
		return NULL;
	for (size_t i = 0; i < n; i++)
		lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + ('a' - 'A') : name[i]);
	lower[n] = 0;
	return bsearch(&key, z->by_name, z->n, sizeof(key), name_order);
}

const struct dns_host *dns_zone_by_address(const struct dns_zone *z, uint32_t address)
{
	const struct dns_host key = { .address = address };

	return z->n ? bsearch(&key, z->by_address, z->n, sizeof(key), address_order) : NULL;
}
