/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* bangerd-root: makes networks, launches and kills VMMs. It takes VM ids, numbers and descriptors; names and paths follow from its start
 * arguments or the installation alone. Descriptor 3 is its listening socket, 4 ends when the daemon does (not in system mode). VMMs outlive it. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

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
	bool system;                 /* installed: the owner is not the helper's user, and VMMs are jailed or do not run */
	const char *subnet;
	char *jail_base;             /* where jails are mounted, each VMM for itself; NULL: VMMs run without */
	char jail_reason[sizeof(((struct err *)0)->msg)]; /* why there is no jail */
	bool has_units;              /* the installation has systemd's units, and so a group that holds VMs */
	char *limits_parent;         /* the control group that VMs' groups lie in; NULL without */
	int limits_fd;               /* inotify: a group has become empty */
	char limits_reason[sizeof(((struct err *)0)->msg)]; /* why VMs have no limits; "" where they do */
	int launcher_fd;             /* helper/launcher */
	pid_t launcher_pid;
	uint64_t launches;           /* so many have been asked of it */
	struct list waiting;         /* helper/on_launch: launches that wait for their VmmGo */
	struct list held;            /* in the launcher, helper/launch: their processes */
};

/* The role. Arguments: --system (all else from the installation, the socket from the service manager or of its own making), or --subnet A.B.C.D/N --bridge NAME --firecracker FILE --jail yes|no|DIR [--root DIR]. */
int helper_main(int argc, char **argv);

/* helper/check: what may come in. ERR_INVALID names it. */
MUST int check_vm_id(const char *id, struct err *e);
MUST int check_cid(int64_t cid, struct err *e);
MUST int check_signal(const char *name, int *ret, struct err *e);
MUST int check_op(const char *op, struct err *e);
MUST int check_sizes(int64_t vcpus, int64_t memory_mib, int64_t cid, int64_t root_mib, struct err *e);

/* helper/jail: what can be had of it here; called before rights are given up. */
/* jail: "no", "yes" or the folder that jails are mounted over, each for its VMM alone. */
void helper_jail_open(struct helper *h, const char *jail);
void helper_jail_close(struct helper *h);
struct jail;
struct vmm_spec;
struct str;
/* Fills *ret for a VM's VMM, and adds words for vm show to confined. */
void helper_jail_fill(const struct helper *h, const struct vmm_spec *spec, struct jail *ret, struct str *confined);

/* What holds VMs in here, and what does not and why: words for daemon status and doctor. */
void helper_confinement(const struct helper *h, struct str *out);

/* helper/limits: finds out whether VMs can have control groups. */
void helper_limits_open(struct helper *h);
/* Removes empty ones from now on. */
MUST int helper_limits_watch(struct helper *h, struct err *e);
/* A VM's group is to be looked after. */
void helper_limits_began(const struct helper *h, const char *vm);
void helper_limits_close(struct helper *h);
/* Ends whatever is in a VM's group, what its VMM has forked too. No group: nothing to do. */
MUST int helper_limits_kill(const struct helper *h, const char *vm, struct err *e);
/* In the launcher: the kernel lets nobody move a process that may do more. Puts the processes of a launch into the VM's group. What that means for the VM, or why it has no limits, is added to confined. */
struct launch;
struct launched;
MUST int helper_limits_apply(const struct helper *h, const struct launch *what, const struct launched *done, struct str *confined, struct err *e);

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
/* helper/on_launch: a connection has ended; what it held is ended with it. */
void launch_forget(struct caller *c);
