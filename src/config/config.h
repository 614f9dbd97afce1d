/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* config.toml: every key is optional; an unknown one or one of another type is an error with its place. Each value knows its source. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/str.h"

enum config_source {
	CONFIG_BUILTIN, /* the same everywhere */
	CONFIG_AUTO,    /* from this machine's size or set-up */
	CONFIG_HOST,    /* the file for the whole host; shown as "host" */
	CONFIG_FILE,    /* the user's word; shown as "config" */
	CONFIG_INSTALL, /* root's word when banger was installed */
};

/* Every key, in the order of the documentation. */
enum config_key {
	CONFIG_LOG_LEVEL,
	CONFIG_VMM,
	CONFIG_FIRECRACKER_BIN,
	CONFIG_QEMU_BIN,
	CONFIG_JAILER_ENABLED,
	CONFIG_JAILER_BIN,
	CONFIG_JAILER_CHROOT_BASE,
	CONFIG_SSH_KEY_PATH,
	CONFIG_DEFAULT_IMAGE_NAME,
	CONFIG_DEFAULT_KERNEL,
	CONFIG_BRIDGE_NAME,
	CONFIG_BRIDGE_IP,
	CONFIG_CIDR,
	CONFIG_TAP_POOL_SIZE,
	CONFIG_DEFAULT_DNS,
	CONFIG_DNS_LISTEN,
	CONFIG_READY_TIMEOUT,
	CONFIG_AUTO_STOP_STALE_AFTER,
	CONFIG_METRICS_LISTEN,
	CONFIG_STATS_POLL_INTERVAL,
	CONFIG_METRICS_POLL_INTERVAL,
	CONFIG_GIT_IDENTITY,
	CONFIG_FILE_SYNC,
	CONFIG_VCPU,
	CONFIG_MEMORY_MIB,
	CONFIG_DISK_SIZE,
	CONFIG_SYSTEM_OVERLAY_SIZE,
	CONFIG_ROOT_CHUNK_KIB,
	CONFIG_KEY_COUNT,
};

#define CONFIG_MAX_DNS 4
#define CONFIG_MAX_NOTICES 16
#define CONFIG_MAX_SYNC 64

/* A file or folder of the owner's that a new VM gets a copy of. */
struct config_sync {
	char *host;   /* below the owner's home */
	char *guest;  /* below the guest's /root */
	int64_t mode; /* of a file; -1: the default */
};

struct config {
	char *log_level;       /* debug, info, warn, error */
	char *vmm;             /* auto, firecracker, qemu */
	char *firecracker_bin; /* absolute, or NULL: found in PATH */
	char *qemu_bin;        /* the same */
	bool jailer_enabled;
	char *jailer_bin;         /* accepted for the sake of older files, not used */
	char *jailer_chroot_base; /* absolute; NULL: in the run folder */
	char *ssh_key_path;       /* absolute, or NULL: one of banger's own */
	char *default_image_name;
	char *default_kernel;              /* NULL: the image's, else the only one there is */
	char *bridge_name;                 /* br-fc or br-fc-SOMETHING */
	char *bridge_ip;                   /* "172.16.0.1" */
	int64_t cidr;                      /* prefix length */
	char *subnet;                      /* both: "172.16.0.1/24" */
	int64_t tap_pool_size;             /* 0: no pool */
	char *default_dns[CONFIG_MAX_DNS]; /* addresses; the guests' name servers */
	size_t n_default_dns;
	char *dns_listen;      /* "127.0.0.1:42069", where NAME.vm is answered; "": off */
	int64_t ready_timeout; /* seconds until a guest must have said hello */
	int64_t auto_stop_ms;  /* an idle VM is stopped after that; 0: never */
	char *metrics_listen;  /* "127.0.0.1:9100" or an absolute path of a unix socket; NULL: off */
	int64_t poll_ms[2];    /* accepted for the sake of older files, not used */
	bool git_identity;     /* a new VM gets the owner's name and address for git */
	struct config_sync *sync;
	size_t n_sync;
	int64_t vcpus;
	int64_t memory_mib;
	int64_t disk_mib; /* work disk */
	int64_t root_mib; /* root file system as the guest sees it */
	int64_t root_chunk_kib; /* what one change of a new root costs at least: a power of two */
	enum config_source source[CONFIG_KEY_COUNT];
	struct config_value *values;       /* see config_values */
	char *notices[CONFIG_MAX_NOTICES]; /* sentences on keys that are accepted but do nothing */
	size_t n_notices;
};

/* Reads the file at host (NULL: no such file), then that at path, whose keys win; without them all is default. "~/" in values is below home, NULL when
 * unknown. ERR_INVALID: "FILE:LINE:COLUMN: what". */
MUST int config_load(const char *host, const char *path, const char *home, struct config **ret, struct err *e);
/* The same from text. */
MUST int config_parse(
	const char *text, size_t n, const char *file, const char *home, struct config **ret, struct err *e);
void config_free(struct config *c);
AUTO_DEFINE(struct config, config_free);

/* A value as a person reads it, text "" when there is none. */
struct config_value {
	const char *name; /* "vm_defaults.vcpu" */
	char *text;
	enum config_source source;
};

/* All values, CONFIG_KEY_COUNT of them in the order of the keys. Owned by c. */
const struct config_value *config_values(const struct config *c, size_t *ret_n);
/* A change of that key is heard of only when the daemon starts. */
bool config_needs_restart(enum config_key key);
/* What an installed banger's owner cannot choose: bridge, subnet ("172.16.0.1/24") and firecracker ("" without one: VMs run on QEMU then). */
MUST int config_install(struct config *c, const char *bridge, const char *subnet, const char *firecracker, struct err *e);
/* "config", "host", "auto", "builtin", "install". Static text. */
const char *config_source_text(enum config_source source);
