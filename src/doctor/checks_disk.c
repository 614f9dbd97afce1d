/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/room.h"
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
	struct err e = { 0 };
	struct room room;

	if (access(at, W_OK) < 0) {
		doctor_add(c, DOCTOR_FAIL, "'%s' cannot be written: %s", at, strerror(errno));
		doctor_add(c, DOCTOR_FAIL, "choose another folder with --root or $BANGER_ROOT");
		return;
	}
	if (room_look(at, &room, &e) < 0) {
		doctor_add_error(c, DOCTOR_FAIL, &e);
		return;
	}
	AUTO_MEM char *text = room_text(&room, at);
	if (room.avail_bytes < FREE_LEAST)
		doctor_add(c, DOCTOR_FAIL, "%s, too little for an image and a VM: make room", text);
	else if (room.avail_bytes < FREE_SCARCE)
		doctor_add(c, DOCTOR_WARN, "%s; VMs are paused when it runs out", text);
	else
		doctor_add(c, DOCTOR_PASS, "%s", text);
	/* File systems that make inodes as they go count none. */
	if (room.inodes && room.inodes < INODES_SCARCE)
		doctor_add(c, DOCTOR_WARN, "%s has %llu inodes left", at, (unsigned long long)room.inodes);
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
