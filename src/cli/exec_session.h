/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A command in a guest, from the agent's connection to its exit status: standard streams, terminal, signals. */

#include <stdbool.h>

#include "base/opt.h"
#include "proto/client.h"

/* What is run and how. */
struct exec_session {
	const char *vm;              /* for messages */
	const struct opt_list *argv; /* empty: root's login shell */
	const struct opt_list *env;  /* NAME=VALUE each, or NAME for the caller's own value; may be NULL */
	const char *cwd;             /* NULL: /root */
	int tty;                     /* 1 yes, -1 no, 0: when all three standard streams are terminals */
	bool wait_system;            /* not before the distribution has booted */
};

/* Runs it on the agent's connection. *ret_status: the command's, 126 or 127 when it cannot be executed, 128 + n for signal n. The
 * terminal is as before when this returns. */
MUST int exec_session_run(struct varlink_client *agent, const struct exec_session *s, int *ret_status, struct err *e);
