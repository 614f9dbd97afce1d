/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "disk/root.h"
#include "doctor/checks.h"

#define FREE_LEAST (1ULL << 30) /* below: no image fits */
#define FREE_SCARCE (10ULL << 30)
#define INODES_SCARCE 10000

/* The folder itself, or what there is of the way to it. Caller frees. */
static char *existing(const char *path)
{
	char *at = mem_strdup(path);

	while (access(at, F_OK) < 0 && !str_eq(at, "/")) {
		char *up = path_dirname(at);

		free(at);
		at = up;
	}
	return at;
}

void check_disk(const struct doctor_host *host, struct doctor_check *c)
{
	AUTO_MEM char *at = existing(host->state_dir);
	uint64_t bytes, inodes;
	struct err e = { 0 };
	char text[16];

	if (access(at, W_OK) < 0) {
		doctor_add(c, DOCTOR_FAIL, "'%s' cannot be written: %s", at, strerror(errno));
		doctor_add(c, DOCTOR_FAIL, "choose another folder with --root or $BANGER_ROOT");
		return;
	}
	if (path_free_space(at, &bytes, &inodes, &e) < 0) {
		doctor_add_error(c, DOCTOR_FAIL, &e);
		return;
	}
	if (bytes < FREE_LEAST)
		doctor_add(c, DOCTOR_FAIL, "%s has %s free, too little for an image and a VM: make room", at,
			str_bytes(bytes, text));
	else if (bytes < FREE_SCARCE)
		doctor_add(
			c, DOCTOR_WARN, "%s has %s free; VMs are paused when it runs out", at, str_bytes(bytes, text));
	else
		doctor_add(c, DOCTOR_PASS, "%s has %s free", at, str_bytes(bytes, text));
	/* File systems that make inodes as they go count none. */
	if (inodes && inodes < INODES_SCARCE)
		doctor_add(c, DOCTOR_WARN, "%s has %llu inodes left", at, (unsigned long long)inodes);
}

void check_copy_on_write(const struct doctor_host *host, struct doctor_check *c)
{
	AUTO_MEM char *at = existing(host->state_dir);

	if (access(at, W_OK) == 0 && disk_can_reflink(at))
		doctor_add(c, DOCTOR_PASS, "dm-snapshot in the guest; reflink works here too");
	else
		doctor_add(c, DOCTOR_PASS,
			"dm-snapshot in the guest; this file system has no reflink, so kernels without dm-snapshot get "
			"a copy");
}
