/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* bangerd-root: makes networks, launches and kills VMMs. It takes VM ids, numbers and descriptors; names and paths follow from its start
 * arguments alone. Descriptor 3 is its listening socket, 4 ends when the daemon does. VMMs outlive it. */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"

struct loop;
struct net;
struct resolved;
struct varlink_server;

struct helper {
	struct loop *loop;
	struct varlink_server *server;
	struct net *net;             /* NULL without the right to make networks */
	char net_reason[sizeof(((struct err *)0)->msg)]; /* why, then */
	struct resolved *resolved;   /* NULL without networks */
	const char *firecracker_bin; /* from the start arguments; "" is PATH */
	const char *subnet;
	struct list held;            /* struct held: launches that wait for their VmmGo */
};

/* The role. Arguments: --subnet A.B.C.D/N --bridge NAME --firecracker FILE [--root DIR]. */
int helper_main(int argc, char **argv);

/* helper/check: what may come in. ERR_INVALID names it. */
MUST int check_vm_id(const char *id, struct err *e);
MUST int check_signal(const char *name, int *ret, struct err *e);
MUST int check_sizes(int64_t vcpus, int64_t memory_mib, int64_t cid, int64_t root_mib, struct err *e);
/* A connection. */
struct caller {
	struct helper *helper;
};

/* helper/on_launch: a connection has ended; what it held is ended with it. */
void launch_forget(struct caller *c);
