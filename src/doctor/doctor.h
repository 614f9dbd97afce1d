/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What works on this machine, what does not, and what to do about it. Checks only look, and none changes anything that stays, unless fix is set. */

#include <stddef.h>
#include <stdint.h>

#include "base/json_table.h"
#include "config/config.h"

enum doctor_level {
	DOCTOR_PASS,
	DOCTOR_WARN, /* works, with less than there could be */
	DOCTOR_FAIL, /* VMs do not run */
};

#define DOCTOR_MAX_DETAILS 48

struct doctor_check {
	const char *name;
	enum doctor_level level;
	char *details[DOCTOR_MAX_DETAILS];
	size_t n_details;
	char *fixed[DOCTOR_MAX_DETAILS]; /* what was done about it */
	size_t n_fixed;
};

/* What the checks look at. */
struct doctor_host {
	const char *config_path, *state_dir, *run_dir;
	const struct config *config;    /* the defaults when the file cannot be read */
	const struct err *config_error; /* code 0 when it can */
	bool installed;                 /* networks are the root helper's to make, which says for itself whether it can */
	uint32_t uid, gid;              /* whose banger it is */
	bool by_group;                  /* an installed banger's VMs may use /dev/kvm, its owner may not */
	bool fix;                       /* what can be mended without a question is, and each act is told by doctor_fixed */
};

/* Adds a sentence; the check's level becomes the worse of its own and this. Sentences above PASS say what to do. */
void doctor_add(struct doctor_check *c, enum doctor_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Tells what was done. The level is that of what is left. */
void doctor_fixed(struct doctor_check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Adds an error's message and hint. */
void doctor_add_error(struct doctor_check *c, enum doctor_level level, const struct err *e);
void doctor_check_done(struct doctor_check *c);
/* "PASS", "WARN", "FAIL". Static text. */
const char *doctor_level_text(enum doctor_level level);

/* /dev/kvm is open to a group that this process is not in. */
bool doctor_kvm_by_group(void);
/* There is a program of that name on PATH. */
bool doctor_has_program(const char *name);
/* Runs all checks of this machine; those of the daemon are the caller's, who can ask it. Returns how many are in ret. */
#define DOCTOR_N_CHECKS 10
size_t doctor_run(const struct doctor_host *host, struct doctor_check ret[static DOCTOR_N_CHECKS]);

/* Whether the names of VMs are answered where the daemon says (NULL: nowhere, for that reason or because it is off), and whether the machine's
 * resolver asks there. */
void doctor_check_dns(const char *listen, const char *reason, const char *bridge, struct doctor_check *c);

/* Appends "PASS\tname\n  - detail\n  + what was done\n...", or one object of a JSON array's content. */
void doctor_write(const struct doctor_check *c, struct str *out);
struct json_writer;
void doctor_write_json(const struct doctor_check *c, struct json_writer *w);
