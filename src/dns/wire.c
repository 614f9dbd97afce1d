/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/wire.h"

#include <string.h>

#include "dns/query.h"

enum { CLASS_IN = 1, OPT_SIZE = 11, IXFR = 251 };
enum { QR = 0x80, AA = 0x04, TC = 0x02, RD = 0x01 };

/* An answer in the making; ok turns false at the first byte without room. */
struct writer {
	uint8_t *out;
	size_t at, room;
	bool ok;
};

static void put(struct writer *w, const void *p, size_t n)
{
	w->ok = w->ok && n <= w->room - w->at;
	if (!w->ok)
		return;
	memcpy(w->out + w->at, p, n);
	w->at += n;
}

static void put8(struct writer *w, unsigned v)
{
	uint8_t byte = (uint8_t)v;

	put(w, &byte, 1);
}

static void put16(struct writer *w, unsigned v)
{
	put8(w, v >> 8);
	put8(w, v);
}

static void put32(struct writer *w, uint32_t v)
{
	put16(w, v >> 16);
	put16(w, v & 0xffff);
}

static void put_label(struct writer *w, const char *text)
{
	put8(w, (unsigned)strlen(text));
	put(w, text, strlen(text));
}

/* The owner is the end of the question's name that begins at offset in the message: so its case is the question's. */
static void put_record(struct writer *w, size_t owner, enum dns_type type, size_t data_len)
{
	put16(w, 0xc000 | (unsigned)owner);
	put16(w, type);
	put16(w, CLASS_IN);
	put32(w, DNS_TTL);
	put16(w, (unsigned)data_len);
}

/* Primary and mailbox as RFC 6303 has them for zones that nobody transfers: the zone itself, and nobody. */
static void put_soa(struct writer *w, size_t apex, uint32_t serial)
{
	put_record(w, apex, DNS_SOA, 2 + 16 + 20);
	put16(w, 0xc000 | (unsigned)apex);
	put_label(w, "nobody");
	put_label(w, "invalid");
	put8(w, 0);
	put32(w, serial);
	put32(w, 3600);
	put32(w, 1200);
	put32(w, 604800);
	put32(w, DNS_TTL);
}

/* What a name of ours is. */
struct found {
	size_t apex;        /* where the zone's own name begins in the message */
	bool is_apex;
	bool exists;
	const struct dns_host *host; /* the name's A or PTR */
	bool reverse;
};

static bool label_is(const struct dns_label *l, const char *text)
{
	if (l->n != strlen(text))
		return false;
	for (size_t i = 0; i < l->n; i++)
		if ((l->text[i] >= 'A' && l->text[i] <= 'Z' ? l->text[i] + ('a' - 'A') : l->text[i]) != text[i])
			return false;
	return true;
}

/* Where label i begins in the message, its length byte. */
static size_t offset_of(const struct dns_query *q, const uint8_t *query, size_t i)
{
	return (size_t)((const uint8_t *)q->labels[i].text - query) - 1;
}

/* A number of 0 to 255 as in-addr.arpa has it, without leading zeros; -1 for any other label. */
static int octet(const struct dns_label *l)
{
	int v = 0;

	if (l->n < 1 || l->n > 3 || (l->n > 1 && l->text[0] == '0'))
		return -1;
	for (size_t i = 0; i < l->n; i++) {
		if (l->text[i] < '0' || l->text[i] > '9')
			return -1;
		v = v * 10 + (l->text[i] - '0');
	}
	return v <= 255 ? v : -1;
}

/* Zones below in-addr.arpa are cut at octets: each octet that the network begins to fix is part of the zone's name. */
static bool find_reverse(const struct dns_zone *z, const struct dns_query *q, const uint8_t *query, struct found *ret)
{
	size_t fixed = (z->prefix + 7) / 8, n = q->n_labels;
	uint32_t mask = ~(uint32_t)0 << (32 - z->prefix), zone = 0, address;

	if (n < 2 + fixed || !label_is(&q->labels[n - 1], "arpa") || !label_is(&q->labels[n - 2], "in-addr"))
		return false;
	for (size_t i = 0; i < fixed; i++) {
		int v = octet(&q->labels[n - 3 - i]);

		if (v < 0)
			return false;
		zone |= (uint32_t)v << (24 - 8 * i);
	}
	if ((zone & mask) != (z->network & mask))
		return false;
	*ret = (struct found){ .apex = offset_of(q, query, n - 2 - fixed), .is_apex = n == 2 + fixed, .exists = true, .reverse = true };
	address = zone;
	for (size_t i = fixed; i < n - 2; i++) {
		int v = i < 4 ? octet(&q->labels[n - 3 - i]) : -1;

		if (v < 0) {
			ret->exists = false;
			return true;
		}
		address |= (uint32_t)v << (24 - 8 * i);
	}
	if (n == 6) {
		ret->host = dns_zone_by_address(z, address);
		ret->exists = ret->host || ret->is_apex;
	}
	return true;
}

/* False when the name is in no zone of ours. */
static bool find(const struct dns_zone *z, const struct dns_query *q, const uint8_t *query, struct found *ret)
{
	size_t n = q->n_labels;

	if (!n || !label_is(&q->labels[n - 1], DNS_DOMAIN))
		return find_reverse(z, q, query, ret);
	*ret = (struct found){ .apex = offset_of(q, query, n - 1), .is_apex = n == 1 };
	if (n == 2)
		ret->host = dns_zone_by_name(z, q->labels[0].text, q->labels[0].n);
	ret->exists = n == 1 || ret->host;
	return true;
}

static void put_host(struct writer *w, const struct found *f)
{
	if (!f->reverse) {
		put_record(w, DNS_HEAD, DNS_A, 4);
		put32(w, f->host->address);
		return;
	}
	put_record(w, DNS_HEAD, DNS_PTR, 1 + strlen(f->host->name) + 1 + strlen(DNS_DOMAIN) + 1);
	put_label(w, f->host->name);
	put_label(w, DNS_DOMAIN);
	put8(w, 0);
}

/* Writes the records of one answer; counts[0] of the answer section, [1] of the authority section. */
static void put_answer(struct writer *w, const struct dns_zone *z, const struct dns_query *q, const struct found *f, unsigned counts[2])
{
	bool any = q->type == DNS_ANY; /* one of the sets there are (RFC 8482 4.1) */

	counts[0] = 1;
	if (f->host && (any || q->type == (f->reverse ? DNS_PTR : DNS_A))) {
		put_host(w, f);
	} else if (f->is_apex && (any || q->type == DNS_SOA)) {
		put_soa(w, f->apex, z->serial);
	} else if (f->is_apex && q->type == DNS_NS) {
		put_record(w, f->apex, DNS_NS, 2);
		put16(w, 0xc000 | (unsigned)f->apex);
	} else {
		counts[0] = 0;
		counts[1] = 1;
		put_soa(w, f->apex, z->serial);
	}
}

static void set_head(uint8_t *out, const uint8_t *query, enum dns_rcode rcode, unsigned flags)
{
	memset(out, 0, DNS_HEAD);
	memcpy(out, query, 2);
	out[2] = (uint8_t)(QR | (query[2] & (0x78 | RD)) | flags);
	out[3] = (uint8_t)(rcode & 15);
}

static void put_opt(struct writer *w, const struct dns_query *q)
{
	put8(w, 0);
	put16(w, DNS_OPT);
	put16(w, DNS_UDP_MAX);
	put8(w, q->rcode >> 4);
	put8(w, 0);
	put32(w, 0);
}

size_t dns_answer(const struct dns_zone *z, const uint8_t *query, size_t n, bool udp, uint8_t *out, size_t room)
{
	struct dns_query q;
	unsigned counts[2] = { 0 }, flags = 0;
	struct found f = { 0 };

	if (n < DNS_HEAD || query[2] & QR)
		return 0;
	dns_query_read(query, n, &q);
	if (q.rcode == DNS_NOERROR && (q.class != CLASS_IN || q.type == DNS_AXFR || q.type == IXFR || !find(z, &q, query, &f)))
		q.rcode = DNS_REFUSED;
	if (udp) {
		size_t takes = q.edns && q.edns_size > DNS_UDP_MIN ? q.edns_size : DNS_UDP_MIN;
		room = takes < room ? takes : room;
	}
	struct writer w = { .out = out, .at = DNS_HEAD, .room = room - (q.edns ? OPT_SIZE : 0), .ok = true };
	if (q.has_question)
		put(&w, query + DNS_HEAD, q.name_len + 4);
	if (q.rcode == DNS_NOERROR) {
		size_t question_end = w.at;

		flags = AA;
		q.rcode = f.exists ? DNS_NOERROR : DNS_NXDOMAIN;
		put_answer(&w, z, &q, &f, counts);
		if (!w.ok) {
			w.at = question_end;
			w.ok = true;
			flags |= TC;
			counts[0] = counts[1] = 0;
		}
	}
	set_head(out, query, q.rcode, flags);
	out[5] = q.has_question;
	out[7] = (uint8_t)counts[0];
	out[9] = (uint8_t)counts[1];
	w.room = room;
	if (q.edns)
		put_opt(&w, &q);
	out[11] = q.edns;
	return w.at;
}
