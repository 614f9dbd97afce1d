/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Reading a DNS query. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_LABELS_MAX 128 /* of a name of 255 bytes, the root not counted */

enum { DNS_HEAD = 12, DNS_NAME_MAX = 255 };
enum dns_rcode { DNS_NOERROR, DNS_FORMERR, DNS_SERVFAIL, DNS_NXDOMAIN, DNS_NOTIMP, DNS_REFUSED, DNS_BADVERS = 16 };

struct dns_label {
	const char *text; /* into the message, not NUL-terminated, any bytes */
	size_t n;
};

struct dns_query {
	enum dns_rcode rcode; /* DNS_NOERROR, or why the query is none */
	struct dns_label labels[DNS_LABELS_MAX]; /* first label first */
	size_t n_labels;
	size_t name_len;   /* bytes of the name in the message, which begins at DNS_HEAD */
	uint16_t type, class;
	bool has_question; /* name, type and class are there */
	bool edns;
	uint16_t edns_size;
	uint8_t edns_version;
};

/* Needs DNS_HEAD bytes at least. */
void dns_query_read(const uint8_t *data, size_t n, struct dns_query *ret);
uint16_t dns_get16(const uint8_t *p);
/* Bytes of the name at data[at], pointers counted and not followed; 0 when it does not end before n. */
size_t dns_name_size(const uint8_t *data, size_t at, size_t n);
