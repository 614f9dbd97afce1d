/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Kernels into the form banger boots: a folder with the ELF file, a read-only image of the modules, and what the initrd is made from.
 *
 * All writing goes into a folder that the caller has made and journaled and publishes by a rename; after success its files are synced,
 * the folder itself is not. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Files of a kernel's folder. KERNEL_MODULES is there when it has modules; its root is what belongs at /lib/modules/RELEASE. */
#define KERNEL_VMLINUX "vmlinux"
#define KERNEL_MODULES "modules.ext4"
#define KERNEL_INITRD_TAIL "initrd.tail"

struct kernel_facts {
	char release[65];    /* uname -r */
	char digest[65];     /* sha256 of the package or kernel file */
	uint64_t size_bytes; /* on disk, all files together */
	size_t n_modules;
	bool has_modules;    /* modules.ext4 is there */
	bool has_pvh;
	bool has_snapshot;   /* dm-snapshot, as a module or built in */
};

/* stage: "reading", "indexing"; done of total in bytes, 0 and 0 where there is no measure. */
typedef void (*kernel_progress_fn)(void *arg, const char *stage, uint64_t done, uint64_t total);

/* Imports a Debian kernel package. progress may be NULL. ERR_INVALID: not one, or a kernel that cannot run guests; ERR_CORRUPT: cut or
 * damaged. The caller puts the file's name in front of errors. */
MUST int kernel_import_deb(int fd, const char *out_dir, kernel_progress_fn progress, void *arg, struct kernel_facts *ret, struct err *e);
/* Imports a bzImage or an ELF kernel. modules_fd is the folder lib/modules/RELEASE, or one that has it below itself; -1 for none, which is
 * for kernels with everything built in. */
MUST int kernel_import_file(int fd, int modules_fd, const char *out_dir, kernel_progress_fn progress, void *arg, struct kernel_facts *ret,
			    struct err *e);
/* For this room: writes a file of its own, synced, mode 0640; runs of zeros become holes. */
MUST int kernel_write_file(const char *path, const void *data, size_t n, struct err *e);
