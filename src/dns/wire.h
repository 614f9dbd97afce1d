/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* DNS messages (RFC 1035) for an authoritative server: bytes of a query in, bytes of the answer out. Pure and without allocation. Names in
 * queries are read forwards only; a compression pointer ends a name and is never followed. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/zone.h"

#define DNS_UDP_MIN 512   /* what every client takes (RFC 1035 2.3.4) */
#define DNS_UDP_MAX 1232  /* what passes everywhere in one piece (RFC 9715) */
#define DNS_ANSWER_MAX 1232
#define DNS_TTL 1         /* seconds: VMs come and go */

/* Writes the answer to query into out and returns its length; 0 when it deserves none (no header, or itself an answer). room is what the
 * transport carries, DNS_UDP_MIN at least; over UDP the client's own word narrows it, and what does not fit is cut with the TC bit. */
size_t dns_answer(const struct dns_zone *z, const uint8_t *query, size_t n, bool udp, uint8_t *out, size_t room);

/* For clients: a question for a name such as "otter.vm" of at most 253 characters, recursion asked for; returns the length, 0 for a bad name. */
enum dns_type { DNS_A = 1, DNS_NS = 2, DNS_SOA = 6, DNS_PTR = 12, DNS_AAAA = 28, DNS_OPT = 41, DNS_AXFR = 252, DNS_ANY = 255 };
size_t dns_question(uint16_t id, const char *name, enum dns_type type, uint8_t out[static DNS_UDP_MIN]);
/* Is this the answer to the question q, without an error, and with a record of that type? */
bool dns_has_record(const uint8_t *q, size_t n_q, const uint8_t *answer, size_t n, enum dns_type type);
