/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Whether a web server answers at TCP ports, asked from here, all at once and for a bounded time. */

#include <stddef.h>
#include <stdint.h>

enum web { WEB_NONE, WEB_HTTP, WEB_HTTPS };

struct web_port {
	const char *address; /* IPv4 */
	uint16_t port;
	enum web found;
};

/* Fills found of each. Two questions at most to each port: HTTP first, then the first message of TLS where the answer was none, or a refusal
 * that may come from a server of TLS. */
void web_probe(struct web_port *ports, size_t n, int64_t deadline_ms);

/* What the beginning of an answer to an HTTP request says. *ret_unsure: it may be a TLS server's. */
enum web web_http_answer(const char *answer, size_t n, int *ret_unsure);
/* What the beginning of an answer to a TLS ClientHello says. */
enum web web_tls_answer(const char *answer, size_t n);
