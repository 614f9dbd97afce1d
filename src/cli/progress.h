/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Calls of @worker methods with their stages shown on standard error: one line that changes on a terminal, else a line for each. */

#include "cli/cli_internal.h"
#include "proto/client.h"
#include "proto/io_banger.h"

/* Who shows what. */
struct progress_view {
	const char *command; /* "vm run": lines begin "[vm run] " */
	const char *object;  /* shown too when several run at once, else NULL */
	bool quiet, terminal;
	bool line_open; /* a changing line stands on the terminal */
	char last[64];  /* the stage shown last */
	char op[16];    /* the operation, once it has told of itself */
};

/* One view for a command; object may be NULL. */
struct progress_view progress_begin(const struct cli *cli, const char *object);
/* Shows a stage. */
void progress_show(struct progress_view *v, const struct progress *p);
/* Takes the changing line away. */
void progress_end(struct progress_view *v);
/* A line of its own, "[vm create] text". */
void progress_note(struct progress_view *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Calls a method whose reply struct begins with its progress, as those of all @worker methods do. */
MUST int progress_call(struct varlink_client *c, const struct varlink_method *m, const void *in,
	struct progress_view *v, void *ret, struct err *e);
