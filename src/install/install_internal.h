/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include "base/str.h"
#include "install/install.h"

/* check.c: fills what from want and from an installation there is; changes nothing. */
MUST int check_all(const struct install_want *want, struct installed *what, struct err *e);
bool systemd_runs(void);

/* files.c: a file put in place, or taken away, and what was there before. */
enum { FILES_MAX = 32 };
struct files {
	struct {
		char *path, *data, *link; /* data or link of before; neither: it was not there */
		size_t n;
		unsigned mode;
	} was[FILES_MAX];
	size_t n_was;
	char *made[FILES_MAX]; /* folders, in order */
	size_t n_made;
};
MUST int put_write(struct files *f, const char *path, const void *data, size_t n, unsigned mode, struct err *e);
MUST int put_link(struct files *f, const char *path, const char *to, struct err *e);
/* A folder with those above it. An existing one is left as it is unless owned is true. */
MUST int put_dir(struct files *f, const char *path, unsigned mode, struct err *e);
/* All as it was before. Failures are told by warn. */
void put_undo(struct files *f, void (*warn)(const char *text));
void put_done(struct files *f);

/* units.c: what is written for the service manager; ended by a NULL path. */
struct install_unit_file {
	const char *path;
	void (*text)(const struct installed *i, struct str *out);
};
extern const struct install_unit_file install_unit_files[];
void units_daemon(const struct installed *i, struct str *out);
void units_helper(const struct installed *i, struct str *out);
void units_vms(const struct installed *i, struct str *out);
void units_socket(const struct installed *i, struct str *out);
void units_tmpfiles(const struct installed *i, struct str *out);
/* "CAP_NET_ADMIN CAP_...": the helper's. */
void units_capabilities(struct str *out);

/* systemd.c: "enabled", "disabled", "static", ...; what systemctl is-enabled prints. */
MUST int install_unit_enabled(const char *unit, char out[static 32], struct err *e);
/* argv without the program's name, ended by NULL. What it says on standard error is the failure's message. */
MUST int systemctl(const char *const *args, struct err *e);
/* Both services and the socket: stopped; with the VMs' unit stopped and disabled, where there are units; their failures forgotten. */
MUST int systemd_stop(struct err *e);
MUST int systemd_end_all(struct err *e);
void systemd_forget_failures(void);
