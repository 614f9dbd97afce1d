/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* One table of functions for each VMM. A driver turns what a VM is into the command that runs it; it decides nothing and starts nothing.
 * Nothing above this room knows which driver runs. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/io_banger_helper.h"
#include "vmm/command.h"

#define VMM_DRIVES_MAX 8

/* One disk, in the guest's order: vda, vdb, ... */
struct vmm_drive {
	int fd;           /* open as read_only says */
	bool read_only;
	bool unsafe;      /* the guest's flushes are dropped */
	const char *role; /* banger.disks= name: root, base, work, modules, store */
};

/* What a VM is. All is borrowed; descriptors stay the caller's. */
struct vmm_spec {
	const char *id;
	const char *hostname;
	int64_t vcpus, memory_mib;
	uint32_t cid;
	int64_t root_mib;         /* of the joined root; 0: the root disk is whole */
	int64_t chunk_sectors;    /* of a new store; 0: the guest's default */
	int kernel_fd, initrd_fd;
	struct vmm_drive drives[VMM_DRIVES_MAX];
	size_t n_drives;
	bool net;
	const char *tap_name;     /* for a VMM that opens its tap */
	int tap_fd;               /* for one that inherits it; else -1 */
	uint8_t mac[6];
	const char *vsock_path;   /* Firecracker's unix socket protocol is spoken here */
	const char *api_path;     /* Firecracker's API or QMP */
	int vhost_fd;             /* QEMU: the connected socket to banger-vhost-vsock */
	int console_fd, log_fd;   /* both O_APPEND */
	bool kvm;                 /* a working one */
};

enum vmm_run { VMM_NOT_STARTED, VMM_RUNNING, VMM_PAUSED };

struct vmm_driver {
	const char *name;   /* "qemu" */
	bool needs_vhost;   /* banger-vhost-vsock runs beside it */
	bool needs_tap_fd;  /* inherits its tap instead of opening it by name */
	/* Fills an empty *ret with what is to be executed; caller gives it back with vmm_command_done. bin: the executable, "" to look on PATH. */
	int (*build)(const struct vmm_spec *spec, const char *bin, struct vmm_command *ret, struct err *e);
	/* Calls to a running VMM on its api_path. ERR_NOT_FOUND or ERR_UNAVAILABLE when it is not there, ERR_STATE with its words when it refuses. */
	int (*query)(const char *api_path, int64_t deadline_ms, enum vmm_run *ret, struct err *e);
	int (*pause)(const char *api_path, int64_t deadline_ms, struct err *e);
	int (*resume)(const char *api_path, int64_t deadline_ms, struct err *e);
};

/* The driver of a kind; kind is never unset. */
const struct vmm_driver *vmm_driver(enum vmm_kind kind);
/* The driver of that name, as records have it; NULL for another or no name. */
const struct vmm_driver *vmm_driver_named(const char *name);
