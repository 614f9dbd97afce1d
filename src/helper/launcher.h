/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The launcher: a child of the helper's, forked before that gives up rights and takes on its filter. It alone makes jails and executes VMMs; it parses no
 * message of anybody else's and has no right over networks. It is told ids, numbers and descriptors, and checks them itself: command lines and paths follow
 * from them. One request at a time; it ends when the helper does, and what was not let go with it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/proc.h"
#include "vmm/vmm.h"

struct helper;

#define LAUNCH_PROCESSES_MAX 2 /* the VMM, and banger-vhost-vsock */
#define LAUNCH_DISK_FD 4       /* descriptors: kernel, initrd, console, log, the disks, the tap where there is one */

/* What is to be launched, as it came; longer texts are cut, and then are nothing that is accepted. */
struct launch {
	enum vmm_kind kind;
	char vm[16], hostname[68];
	int64_t vcpus, memory_mib, cid, root_mib, chunk_sectors;
	uint32_t gid; /* of the VMM's user; when installed it is the owner's, whatever this says */
	bool kvm, net, has_tap;
	size_t n_disks;
	struct {
		char role[12];
		bool read_only, unsafe;
	} disks[VMM_DRIVES_MAX];
};

struct launched {
	struct proc_id processes[LAUNCH_PROCESSES_MAX]; /* the VMM first */
	size_t n;
	char confined[240]; /* words for vm show */
};

/* Forks it, before there is anything open that it should not have. */
MUST int launcher_start(struct helper *h, struct err *e);
/* Its end ends the helper from now on. */
MUST int launcher_watch(struct helper *h, struct err *e);
/* Ends it and waits until it is gone: a service manager wonders about what a service leaves behind. Fine when it has ended or never began. */
void launcher_stop(struct helper *h);
/* Forks what the VM needs; it executes with launcher_go. id: the helper's number for this launch. */
MUST int launcher_launch(const struct helper *h, uint64_t id, const struct launch *what, const int *fds, size_t n_fds, struct launched *ret, struct err *e);
MUST int launcher_go(const struct helper *h, uint64_t id, struct err *e);
/* Ends what was not let go; one that is not known is fine. */
void launcher_forget(const struct helper *h, uint64_t id);

/* helper/launch, within the launcher. */
MUST int launch_hold(struct helper *h, uint64_t id, const struct launch *what, const int *fds, size_t n_fds, struct launched *ret, struct err *e);
MUST int launch_go(struct helper *h, uint64_t id, struct err *e);
void launch_drop(struct helper *h, uint64_t id);
