/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* bangerd: owns VMs, images, kernels. Single-threaded; parses nothing from the internet; the only writer of state. */

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/proc.h"
#include "config/config.h"

struct dns_server;
struct host_facts;
struct loop;
struct loop_source;
struct metrics;
struct varlink_server;

struct daemon {
	struct loop *loop;
	struct list objects; /* struct object */
	struct list jobs;    /* struct job */
	struct config *config;
	struct host_facts *facts;       /* what workers have found out about the host */
	struct varlink_server *clients; /* bangerd.sock */
	struct varlink_server *workers; /* each worker's descriptor 3 */
	struct varlink_server *guests;  /* hellos */
	int lock_fd;
	int helper_listen_fd; /* the helper's socket, kept so that a new helper continues on it */
	int helper_life_fd;   /* the helper ends when this end closes */
	int helper_pidfd;
	int64_t helper_pid;
	struct helper_ask *helper_ask; /* a question under way */
	int console_fd;       /* inotify on consoles */
	struct loop_source *console_timer;
	struct metrics *metrics;  /* NULL: not configured */
	struct loop_source *idle_timer;
	int64_t idle_timer_ms;
	struct loop_source *space_timer; /* daemon/space, while VMs run */
	struct dns_server *dns;   /* NULL: off, or it cannot listen */
	char dns_reason[sizeof(((struct err *)0)->msg)]; /* why not, then */
	bool network;         /* the helper can make networks */
	char network_reason[200]; /* why not, then */
	char *confinement;    /* what holds VMs in, in the helper's words; NULL before it was heard */
	bool limited;         /* VMs have limits */
	bool stopping;
	int64_t started_at;   /* seconds since 1970 */
};

/* The role. Options: --root DIR, --ready-fd N (one byte 'K', or 'E' and the reason, then closed). */
int daemon_main(int argc, char **argv);
/* Lets the loop end: no new calls, running workers are left to the next daemon. */
void daemon_stop(struct daemon *d);
