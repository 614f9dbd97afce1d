/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A VMM's own small world: a root of its own in memory with only what it needs, and a user of its own. The root and its mounts are of a mount namespace
 * that only the VMM is in, so they are gone with it and nothing is left to take away; there is no pid namespace, so its pid is the host's. Only root can
 * make one. Sources: mount_namespaces(7), pivot_root(2), proc(5), capabilities(7). */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "sandbox/seccomp.h"

/* Users of VMMs: a range that neither distributions nor systemd nor containers give to anybody (systemd's docs/UIDS-GIDS). */
#define JAIL_UID_FIRST 0x70000000u
#define JAIL_UID_COUNT 0x0fffffffu

/* Paths within. */
#define JAIL_RUN "/run"

struct jail {
	const char *base;    /* an empty folder of ours; the root is mounted over it, seen by the VMM alone */
	const char *run_dir; /* becomes JAIL_RUN, the one place where it can write: its sockets */
	uint32_t run_uid, run_gid; /* whose folder that is: names on the way to it lead no further than this user could go */
	const char *program; /* the executable on the host, found at `path` within; NULL: it is one of the libraries', or this very binary */
	const char *path;
	bool libraries;      /* /usr and what the loader needs, read-only */
	bool kvm, tun;       /* the devices it gets besides null and urandom */
	uint32_t uid, gid;
	struct seccomp_program filter;
};

/* The user of the VM with that context id, which is its alone. */
uint32_t jail_uid(uint32_t cid);
/* Does an executable need a loader? ERR_INVALID when it is no ELF file for this machine. */
MUST int jail_needs_libraries(const char *program, bool *ret, struct err *e);
/* Between fork and exec of a process with one thread (proc_spawn.before_exec, a struct jail as argument). -1 with errno; standard error says at which step. */
int jail_enter(void *jail);
