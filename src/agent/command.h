/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Starting a session's command. */

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "proto/io_banger_agent.h"

/* A running command and our ends of what it reads and writes; -1 where there is none. */
struct command {
	pid_t pid; /* also its process group; 0 when it could not be executed */
	int pidfd;
	int in, out, err; /* with a terminal: in and out are its master, the same descriptor, err is -1 */
	bool terminal;
	int status;        /* not executed: 126 or 127, with why */
	char why[400];
};

/* Root's login shell ("-bash") when argv is empty. A command that cannot be executed is a success with pid 0. Everything in *ret is
 * the caller's. */
MUST int command_start(const struct exec_in *in, struct command *ret, struct err *e);
/* The shell of root in the text of a passwd(5) file, "/bin/sh" without one. Caller frees. */
char *command_login_shell(const char *passwd);
