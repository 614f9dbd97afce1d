/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* bangerd-root: makes networks, launches and kills VMMs. It takes VM ids, numbers and descriptors; names and paths follow from its start
 * arguments or the installation alone. Descriptor 3 is its listening socket, 4 ends when the daemon does (not in system mode). VMMs outlive it. */

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
	const char *firecracker_bin; /* from the start arguments or the installation; "" is PATH */
	uint32_t owner_uid, owner_gid; /* whose calls are served, besides root's */
	bool system;                 /* VMMs run as the owner, not as the helper does */
	const char *subnet;
	char *jail_base;             /* where jails are mounted, each VMM for itself; NULL: VMMs run without */
	char jail_reason[sizeof(((struct err *)0)->msg)]; /* why there is no jail */
	struct list held;            /* struct held: launches that wait for their VmmGo */
};

/* The role. Arguments: --system (all else from the installation, the socket from the service manager or of its own making), or --subnet A.B.C.D/N --bridge NAME --firecracker FILE --jail yes|no [--root DIR]. */
int helper_main(int argc, char **argv);

/* helper/check: what may come in. ERR_INVALID names it. */
MUST int check_vm_id(const char *id, struct err *e);
MUST int check_cid(int64_t cid, struct err *e);
MUST int check_signal(const char *name, int *ret, struct err *e);
MUST int check_op(const char *op, struct err *e);
MUST int check_sizes(int64_t vcpus, int64_t memory_mib, int64_t cid, int64_t root_mib, struct err *e);

/* helper/jail: what can be had of it here; called before rights are given up. */
void helper_jail_open(struct helper *h, bool wanted);
void helper_jail_close(struct helper *h);
struct jail;
struct vmm_spec;
/* Fills *ret for a VM's VMM. *ret_confined: words for vm show, the caller's. */
void helper_jail_fill(const struct helper *h, const struct vmm_spec *spec, struct jail *ret, char **ret_confined);

/* A connection. */
struct caller {
	struct helper *helper;
	char op[16]; /* the operation it calls for, "" for none */
};

/* helper/system: reads the installation into h; ERR_STATE when this is not the binary that was installed. Makes the run folders where they miss. */
MUST int system_open(struct helper *h, const char **ret_bridge, struct err *e);
/* The listening socket: descriptor 3 by socket activation, else one made at its place. */
MUST int system_listen(const struct helper *h, int *ret, struct err *e);
/* Files are made, opened and removed as the owner until system_as_self: no path in the owner's folders leads further than the owner could go. */
void system_as_owner(const struct helper *h);
void system_as_self(const struct helper *h);
/* Between fork and exec of what runs as the owner, with the group that may use /dev/kvm; -1 with errno. */
int system_become_owner(const struct helper *h, uint32_t kvm_gid);
/* The group that may open /dev/kvm, or the owner's. */
uint32_t system_kvm_group(const struct helper *h);

/* helper/on_launch: a connection has ended; what it held is ended with it. */
void launch_forget(struct caller *c);
