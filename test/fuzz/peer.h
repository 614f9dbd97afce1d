/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Another end for clients of unix sockets: says the input to everybody who connects, hangs up, and listens to nothing. */

#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

struct peer {
	char path[64];
	int listen_fd, end[2];
	const uint8_t *data;
	size_t size;
	pthread_t thread;
};

static void *peer_run(void *arg)
{
	struct peer *p = arg;
	struct pollfd fds[] = { { .fd = p->listen_fd, .events = POLLIN }, { .fd = p->end[0], .events = POLLIN } };

	while (poll(fds, 2, -1) > 0 && !fds[1].revents) {
		int fd = accept4(p->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		char drain[4096];

		if (fd < 0)
			continue;
		(void)!send(fd, p->data, p->size, MSG_NOSIGNAL);
		shutdown(fd, SHUT_WR);
		while (read(fd, drain, sizeof(drain)) > 0)
			;
		close(fd);
	}
	return NULL;
}

/* data stays the caller's until peer_stop. */
static inline void peer_start(struct peer *p, const uint8_t *data, size_t size)
{
	struct err e = { 0 };

	p->data = data;
	p->size = size;
	snprintf(p->path, sizeof(p->path), "/tmp/banger-fuzz-%d.sock", (int)getpid());
	if (fd_listen_unix(p->path, 0600, &p->listen_fd, &e) < 0 || pipe(p->end) < 0 || pthread_create(&p->thread, NULL, peer_run, p) != 0)
		abort();
}

static inline void peer_stop(struct peer *p)
{
	close(p->end[1]);
	pthread_join(p->thread, NULL);
	close(p->end[0]);
	close(p->listen_fd);
	unlink(p->path);
}
