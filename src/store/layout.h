/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Every path banger owns is computed here. Folders follow the XDG base directory specification, or all lie below one root. */

#include "base/err.h"

struct installed;

/* An installed banger's (system mode). All of root but the owner's state, cache and run. */
#define LAYOUT_ETC "/etc/banger"
#define LAYOUT_INSTALL LAYOUT_ETC "/install.toml"
#define LAYOUT_HOST_CONFIG LAYOUT_ETC "/config.toml"
#define LAYOUT_SYSTEM_STATE "/var/lib/banger"
#define LAYOUT_SYSTEM_CACHE "/var/cache/banger"
#define LAYOUT_SYSTEM_RUN "/run/banger"
#define LAYOUT_HELPER_RUN "/run/banger-root"
#define LAYOUT_BIN "/usr/local/bin"
#define LAYOUT_SHARE "/usr/local/share"
#define LAYOUT_UNITS "/etc/systemd/system"
#define LAYOUT_TMPFILES "/etc/tmpfiles.d"

enum layout_dir {
	LAYOUT_STATE, /* records, disks, images, kernels: kept */
	LAYOUT_RUN,   /* sockets, locks: gone with the boot */
	LAYOUT_DIR_COUNT,
};

enum layout_kind {
	LAYOUT_VM,
	LAYOUT_IMAGE,
	LAYOUT_KERNEL,
	LAYOUT_KIND_COUNT,
};

/* Fixes the folders for the life of the process: below root (absolute) when it is not NULL, else below $BANGER_ROOT when that is
 * set, else this host's installation when there is one, else by XDG. ERR_INVALID when nothing says where the home is; ERR_DENIED when the
 * installation or the fall-back run folder is another's. */
MUST int layout_init(const char *root, struct err *e);
/* The installation's folders, whoever asks. ERR_NOT_FOUND without one. */
MUST int layout_init_system(struct err *e);
/* The installation that the folders are of; NULL in other modes. Borrowed. */
const struct installed *layout_installed(void);
/* The config.toml of an installed banger's host, which the owner's overrules; NULL in other modes. Static text. */
const char *layout_host_config(void);
/* The home folder of an installed banger's owner, else the user's; NULL when nothing says where that is. Borrowed. */
const char *layout_home(void);
/* The root given or found, NULL with XDG folders. Borrowed. */
const char *layout_root(void);
/* Makes both folders and those below, mode 0700. */
MUST int layout_make_dirs(struct err *e);
/* "state" or "run" folder. Borrowed. */
const char *layout_dir(enum layout_dir d);
/* Text for messages: "vm", "image", "kernel". */
const char *layout_kind_text(enum layout_kind k);

/* The rest is owned by the caller. */
char *layout_config(void);                             /* config.toml */
char *layout_socket(void);                             /* bangerd.sock */
char *layout_lock(void);                               /* bangerd.lock, held by the daemon */
char *layout_helper_socket(void);                      /* helper.sock */
char *layout_helper_lock(void);                        /* helper.lock, held by the helper */
char *layout_boot(void);                               /* the boot in which the daemon ran last */
char *layout_log(void);                                /* bangerd.log; what shows or keeps it in system mode */
char *layout_ssh(void);                                /* folder of the ssh key and of what follows */
char *layout_ssh_key(void);                            /* the key that is made when the configuration names none; ".pub" behind it */
char *layout_ssh_known_hosts(const char *host);        /* one VM's host keys, under the name "NAME.vm" */
char *layout_ssh_config(void);                         /* ssh_config, beside config.toml */
char *layout_records(enum layout_kind k);              /* folder of the kind's records */
char *layout_record(enum layout_kind k, const char *id);
char *layout_files(enum layout_kind k, const char *id); /* folder of the object's files */
char *layout_file(enum layout_kind k, const char *id, const char *name);
char *layout_vm_run(const char *id);                   /* folder of a running VM's sockets */
char *layout_noted(void);                              /* folder of the records that are noted only; in it ID.json */
char *layout_vm_vsock(const char *id);                 /* the VMM's vsock socket; "_PORT" behind it for guest calls */
char *layout_vm_hello(const char *id);                 /* guest calls to port 42071 */
char *layout_vm_api(const char *id);                   /* Firecracker's API or QMP */
/* A journal path, "state/..." or "run/...", as it is on this host. ERR_CORRUPT for any other, for ".." and for empty parts. */
MUST int layout_resolve(const char *journal_path, char **ret, struct err *e);
/* Journal paths of an object's files and of a VM's run folder. */
char *layout_journal_files(enum layout_kind k, const char *id);
char *layout_journal_vm_run(const char *id);
