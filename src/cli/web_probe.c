/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/web_probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"

enum { ANSWER_MAX = 16, AT_ONCE = 128 };

static const char http_question[] = "GET / HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/* RFC 5246 §7.4.1.2: a ClientHello of TLS 1.2 that offers one cipher suite and no extension. The server either goes on or says in an alert
 * that it does not like it; both begin as nothing else does. */
static const unsigned char tls_question[] = {
	22, 3, 1, 0, 45,          /* a record of handshake */
	1, 0, 0, 41, 3, 3,        /* ClientHello, TLS 1.2 */
	'b', 'a', 'n', 'g', 'e', 'r', ' ', 'a', 's', 'k', 's', ' ', 'w', 'h', 'o', ' ', 'i', 's', ' ', 't', 'h', 'e', 'r', 'e', '.', '.', '.', '.', '.', '.', '.', '.',
	0,                        /* no session */
	0, 2, 0xc0, 0x2f,         /* TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 */
	1, 0,                     /* no compression */
};

struct probe {
	struct web_port *port;
	int fd;
	bool tls, unsure, sent;
	char answer[ANSWER_MAX];
	size_t n;
};

enum web web_http_answer(const char *answer, size_t n, int *ret_unsure)
{
	bool http = n >= 5 && memcmp(answer, "HTTP/", 5) == 0;
	bool refused = http && n >= 12 && memcmp(answer + 8, " 400", 4) == 0;

	*ret_unsure = !http || refused;
	return http ? WEB_HTTP : WEB_NONE;
}

enum web web_tls_answer(const char *answer, size_t n)
{
	return n >= 2 && (answer[0] == 22 || answer[0] == 21) && answer[1] == 3 ? WEB_HTTPS : WEB_NONE;
}

static void hang_up(struct probe *p)
{
	if (p->fd >= 0)
		close(TAKE_FD(p->fd));
}

static void begin(struct probe *p)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(p->port->port) };

	p->sent = false;
	p->n = 0;
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd >= 0 && (inet_pton(AF_INET, p->port->address, &to.sin_addr) != 1 ||
				  (connect(p->fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS)))
		hang_up(p);
}

/* The answer, as far as it came, decides; a second question follows where it does not. */
static void decide(struct probe *p)
{
	int unsure = 0;

	hang_up(p);
	if (p->tls) {
		if (web_tls_answer(p->answer, p->n) == WEB_HTTPS)
			p->port->found = WEB_HTTPS;
		return;
	}
	p->port->found = web_http_answer(p->answer, p->n, &unsure);
	if (!unsure)
		return;
	p->tls = true;
	begin(p);
}

static void ask(struct probe *p)
{
	const void *text = p->tls ? (const void *)tls_question : http_question;
	size_t n = p->tls ? sizeof(tls_question) : sizeof(http_question) - 1;

	if (send(p->fd, text, n, MSG_NOSIGNAL) == (ssize_t)n)
		p->sent = true;
	else
		hang_up(p); /* nobody there */
}

static void hear(struct probe *p)
{
	ssize_t n = recv(p->fd, p->answer + p->n, sizeof(p->answer) - p->n, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	p->n += n > 0 ? (size_t)n : 0;
	if (n <= 0 || p->n == sizeof(p->answer) || (p->tls && p->n >= 2))
		decide(p);
}

static size_t watch(struct probe *probes, size_t n, struct pollfd *fds)
{
	size_t open = 0;

	for (size_t i = 0; i < n; i++) {
		fds[i] = (struct pollfd){ probes[i].fd, probes[i].sent ? POLLIN : POLLOUT, 0 };
		open += probes[i].fd >= 0;
	}
	return open;
}

static void run(struct probe *probes, size_t n, int64_t deadline_ms)
{
	struct pollfd fds[AT_ONCE];

	for (size_t i = 0; i < n; i++)
		begin(&probes[i]);
	while (watch(probes, n, fds)) {
		int64_t left = deadline_ms - time_now_ms();
		if (left <= 0 || proc_cancelled() || (poll(fds, (nfds_t)n, (int)left) < 0 && errno != EINTR))
			break;
		for (size_t i = 0; i < n; i++) {
			if (!fds[i].revents || fds[i].fd < 0)
				continue;
			if (probes[i].sent)
				hear(&probes[i]);
			else
				ask(&probes[i]);
		}
	}
	for (size_t i = 0; i < n; i++)
		hang_up(&probes[i]);
}

void web_probe(struct web_port *ports, size_t n, int64_t deadline_ms)
{
	for (size_t from = 0; from < n; from += AT_ONCE) {
		size_t some = n - from < AT_ONCE ? n - from : AT_ONCE;
		AUTO_MEM struct probe *probes = mem_array(some, sizeof(*probes));

		for (size_t i = 0; i < some; i++)
			probes[i] = (struct probe){ .port = &ports[from + i], .fd = -1 };
		run(probes, some, deadline_ms);
	}
}
