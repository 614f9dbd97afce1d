/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A server of org.example.Every for tests. */

#include <stdatomic.h>

#include "base/loop.h"
#include "proto/server.h"

struct every {
	struct loop *loop;
	struct varlink_server *srv;
	struct varlink_call *held;
	char notes[256];
	int gone;                 /* calls whose clients went away */
	atomic_int refused;       /* peers that broke the protocol */
	char why[400];            /* what the latest one did */
	atomic_int disconnected;
};

extern const struct varlink_interface *const every_ifaces[1];
void every_refused(const struct ucred *peer, const char *why, void *context);
void every_disconnected(struct varlink_conn *conn, void *context);
