/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What `banger system install` left behind, /etc/banger/install.toml: whose this host's banger is, and what the root helper takes from nobody else. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define INSTALLED_MADE_MAX 32

struct installed {
	char *owner, *home; /* user name and home folder */
	int64_t uid, gid;
	char *version, *build; /* of the binary that was installed */
	char *bridge, *subnet; /* "br-fc", "172.16.0.1/24" */
	char *firecracker;     /* absolute path, "" without one */
	bool no_service;       /* another service manager than systemd runs the two programs */
	char *made[INSTALLED_MADE_MAX]; /* folders that were not there before the first installation */
	size_t n_made;
};

/* Reads the file. ERR_NOT_FOUND when this host has no installation; ERR_DENIED when the file is not root's alone; ERR_INVALID. */
MUST int installed_load(struct installed *ret, struct err *e);
void installed_done(struct installed *i);
/* The file's text. */
void installed_write(const struct installed *i, struct str *out);
