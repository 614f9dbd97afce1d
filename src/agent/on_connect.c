/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connect: once the guest's own port has taken the connection, a process of its own carries the bytes; it outlives the agent. */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/relay.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "proto/io_banger_agent.h"

enum { CONNECT_MS = 10000 };

struct connecting {
	struct loop *loop;
	struct varlink_call *call; /* NULL once answered */
	struct loop_source *source, *timer;
	int fd;
	int port;
};

static void connecting_free(struct connecting *c)
{
	loop_remove(c->loop, c->source);
	loop_remove(c->loop, c->timer);
	auto_fd_close(&c->fd);
	free(c);
}

/* Nothing of the agent's may stay open there: its clients would not see their connections end. */
static void carry(int client, int port_fd, const struct str *leftover) __attribute__((noreturn));
static void carry(int client, int port_fd, const struct str *leftover)
{
	int low = client < port_fd ? client : port_fd, high = client < port_fd ? port_fd : client;

	if (low > 3)
		syscall(SYS_close_range, 3, low - 1, 0);
	if (high > low + 1)
		syscall(SYS_close_range, low + 1, high - 1, 0);
	syscall(SYS_close_range, high + 1, ~0U, 0);
	setsid();
	relay_run(client, port_fd, leftover->data ? leftover->data : "", leftover->len);
	_exit(0);
}

static void on_stolen(int fd, struct str *leftover, void *arg)
{
	struct connecting *c = arg;

	if (fd >= 0) {
		if (fork() == 0)
			carry(fd, c->fd, leftover);
		close(fd);
	}
	connecting_free(c);
}

static int refuse(int port, int error, struct err *e)
{
	if (error == ECONNREFUSED)
		return err_set(e, ERR_UNAVAILABLE, "nobody listens at port %d", port);
	return err_sys(e, error, "connect to port %d", port);
}

static void fail(struct connecting *c, int error)
{
	struct err e = { 0 };

	refuse(c->port, error, &e);
	varlink_reply_error(TAKE_PTR(c->call), &e);
	connecting_free(c);
}

static void on_connected(struct loop *l, int fd, uint32_t revents, void *arg)
{
	struct connecting *c = arg;
	int error = 0;
	socklen_t n = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		error = errno;
	if (varlink_call_gone(c->call))
		error = ECONNRESET;
	if (error) {
		fail(c, error);
		return;
	}
	loop_remove(l, TAKE_PTR(c->source));
	loop_remove(l, TAKE_PTR(c->timer));
	varlink_call_steal_fd(c->call, on_stolen, c);
	reply_connect(TAKE_PTR(c->call), &(struct connect_out){ 0 });
}

static void on_timeout(struct loop *l, void *arg)
{
	struct connecting *c = arg;

	c->timer = NULL;
	fail(c, ETIMEDOUT);
}

int on_connect(struct varlink_call *call, const struct connect_in *in, struct connect_out *ret, struct err *e)
{
	struct sockaddr_in self = { .sin_family = AF_INET, .sin_port = htons((uint16_t)in->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct connecting *c;

	if (!varlink_call_upgrade(call))
		return err_set(e, ERR_INVALID, "Connect must be called with upgrade");
	if (in->port < 1 || in->port > UINT16_MAX)
		return err_set(e, ERR_INVALID, "port %lld is not between 1 and %d", (long long)in->port, UINT16_MAX);
	AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(e, errno, "TCP socket");
	if (connect(fd, (struct sockaddr *)&self, sizeof(self)) < 0 && errno != EINPROGRESS)
		return refuse((int)in->port, errno, e);
	c = NEW(struct connecting);
	*c = (struct connecting){ .loop = varlink_call_server_context(call), .call = call, .fd = TAKE_FD(fd), .port = (int)in->port };
	if (loop_add_fd(c->loop, c->fd, EPOLLOUT, on_connected, c, &c->source, e) < 0) {
		connecting_free(c);
		return -1;
	}
	c->timer = loop_add_timer(c->loop, time_now_ms() + CONNECT_MS, on_timeout, c);
	return VARLINK_LATER;
}
