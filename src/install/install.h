/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* banger as a service of this host: what is put where, brought up, and taken away again. Everything here runs as root. */

#include <stdbool.h>
#include <stddef.h>

#include "base/auto.h"
#include "base/err.h"
#include "store/installed.h"

#define INSTALL_EXTRA_MAX 8

/* A text file that the caller has made: completions, the manual page. */
struct install_text {
	const char *path;
	const char *text; /* borrowed */
};

struct install_want {
	const char *owner;       /* user name */
	const char *bridge;      /* NULL: as installed before, else br-fc */
	const char *subnet;      /* NULL: as installed before, else 172.16.0.1/24 */
	const char *firecracker; /* NULL: as installed before, else the one on PATH if any */
	bool no_service;         /* another service manager than systemd will run the two programs */
	struct install_text extra[INSTALL_EXTRA_MAX];
	size_t n_extra;
	/* What works with less than there could be. */
	void (*warn)(const char *text);
};

/* Checks all, then writes files one by one (each atomically), enables and starts the services. A failure undoes what was written and brings the services of
 * before back. Repeating it repairs. ERR_DENIED unless root; ERR_EXISTS when it is installed for another; ERR_INVALID, ERR_UNAVAILABLE from the checks. */
MUST int install_run(const struct install_want *want, struct err *e);
/* Starts both services anew; VMs go on. */
MUST int install_restart(struct err *e);
/* Stops the services and removes every file and folder of the installation; purge also state, cache and run folders. What is not there any more is no
 * error; every step runs, the first failure is reported. No VM may run. */
MUST int install_remove(bool purge, struct err *e);
/* Runs the installed `banger doctor` as the owner, on our standard streams. *ret_status is its exit status. */
MUST int install_doctor(int *ret_status, struct err *e);

enum install_level { INSTALL_FIXED, INSTALL_WARN, INSTALL_FAIL };

/* How an installation is compared with what it should be. */
struct install_look {
	bool fix;                      /* as root: what is wrong is put right */
	const struct install_text *extra;
	size_t n_extra;
	/* Called for each difference, and for each that was put right. */
	void (*say)(void *arg, enum install_level level, const char *text);
	void *arg;
};

/* Compares the program, units, texts and folders of an installation, byte for byte and with owner and mode, and its services with what this build would
 * install. */
void install_look(const struct installed *i, const struct install_look *how);

/* "active", "inactive", "failed", ...; what systemctl is-active prints. Writes into out. */
MUST int install_unit_state(const char *unit, char out[static 32], struct err *e);
/* The files that belong to an installation, ended by NULL; those not in use on this host are included. */
extern const char *const install_paths[];
/* The units, in the order they are started, ended by NULL. */
extern const char *const install_units[];
