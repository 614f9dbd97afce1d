/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The server of org.example.Every in a thread beside the test. The test's own state of it may be read once it has stopped, or between
 * calls that were answered. */

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "every_server.h"
#include "proto/client.h"
#include "unit.h"

struct fixture {
	struct every every;
	struct varlink_server_conf conf;
	pthread_t thread;
	int stop[2];
};

static void fixture_on_stop(struct loop *l, int fd, uint32_t revents, void *arg)
{
	loop_stop(l);
}

static void *fixture_run(void *arg)
{
	struct fixture *f = arg;
	struct err e = { 0 };

	if (loop_run(f->every.loop, &e) < 0)
		abort();
	return NULL;
}

/* A connection of the server, which must not run yet; the other end is returned. */
static inline int fixture_pair(struct fixture *f)
{
	struct err e = { 0 };
	int p[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
	assert_ok(varlink_server_add(f->every.srv, p[0], &f->every, NULL, &e));
	return p[1];
}

static inline struct varlink_client *fixture_client(struct fixture *f)
{
	struct varlink_client *c = NULL;
	struct err e = { 0 };

	assert_ok(varlink_client_from_fd(fixture_pair(f), &c, &e));
	varlink_client_set_deadline(c, time_now_ms() + 20000);
	return c;
}

static inline void fixture_init(struct fixture *f)
{
	struct err e = { 0 };

	f->conf.context = &f->every;
	f->conf.on_refused = every_refused;
	f->conf.on_disconnect = every_disconnected;
	assert_ok(loop_new(&f->every.loop, &e));
	assert_ok(varlink_server_new(f->every.loop, every_ifaces, 1, &f->conf, &f->every.srv, &e));
	assert_int_equal(pipe(f->stop), 0);
	assert_ok(loop_add_fd(f->every.loop, f->stop[0], 1 /* EPOLLIN */, fixture_on_stop, NULL, NULL, &e));
}

static inline void fixture_start(struct fixture *f)
{
	assert_int_equal(pthread_create(&f->thread, NULL, fixture_run, f), 0);
}

static inline void fixture_stop(struct fixture *f)
{
	assert_int_equal(write(f->stop[1], "", 1), 1);
	assert_int_equal(pthread_join(f->thread, NULL), 0);
	varlink_server_free(f->every.srv);
	loop_free(f->every.loop);
	close(f->stop[0]);
	close(f->stop[1]);
}
