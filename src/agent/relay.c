/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "base/mem.h"

enum { BUFFER = 64 << 10 };

/* One direction: bytes from at to end wait for `to`. */
struct way {
	int from, to;
	uint8_t *data;
	size_t at, end;
	bool ended;  /* from says no more */
	bool closed; /* and to has been told */
};

static bool later(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* False when the connection is broken. */
static bool take(struct way *w)
{
	ssize_t n = recv(w->from, w->data, BUFFER, MSG_DONTWAIT);

	if (n <= 0) {
		w->ended = n == 0;
		return n == 0 || later(n);
	}
	w->at = 0;
	w->end = (size_t)n;
	return true;
}

static bool give(struct way *w)
{
	while (w->at < w->end) {
		ssize_t n = send(w->to, w->data + w->at, w->end - w->at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			return later(n);
		w->at += (size_t)n;
	}
	return true;
}

static bool turn(struct way ways[2])
{
	struct pollfd p[2] = { { ways[0].from, 0, 0 }, { ways[1].from, 0, 0 } };

	for (int i = 0; i < 2; i++) {
		struct way *w = &ways[i];
		if (w->at < w->end)
			p[!i].events |= POLLOUT;
		else if (!w->ended)
			p[i].events |= POLLIN;
	}
	/* One that is waited for in no way is not to wake us by its hang-up again and again. */
	for (int i = 0; i < 2; i++)
		if (!p[i].events)
			p[i].fd = -1;
	if (poll(p, 2, -1) < 0)
		return errno == EINTR;
	for (int i = 0; i < 2; i++) {
		struct way *w = &ways[i];
		if (w->at == w->end && !w->ended && p[i].revents && !take(w))
			return false;
		if (!give(w))
			return false;
		if (w->ended && w->at == w->end && !w->closed) {
			shutdown(w->to, SHUT_WR);
			w->closed = true;
		}
	}
	return true;
}

void relay_run(int a, int b, const void *first, size_t n)
{
	AUTO_MEM uint8_t *there = mem_resize(NULL, BUFFER, 1);
	AUTO_MEM uint8_t *back = mem_resize(NULL, BUFFER, 1);
	struct way ways[2] = { { .from = a, .to = b, .data = there }, { .from = b, .to = a, .data = back } };

	ways[0].end = n < BUFFER ? n : BUFFER;
	memcpy(there, first, ways[0].end);
	while (!(ways[0].closed && ways[1].closed) && turn(ways))
		;
}
