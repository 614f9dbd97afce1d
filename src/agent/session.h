/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* One exec: the process between a connection and a command. */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/io_banger_agent.h"

/* Session to agent, once: the command runs (or could not be executed, pid 0, which the client hears of in the stream), or error. */
struct session_started {
	int64_t pid;
	struct err error;
};

/* Agent to session, with the connection's descriptor: go on. leftover are bytes that came behind the request. */
struct session_go {
	size_t n_leftover;
	char leftover[4096];
};

/* In a forked child of the agent: everything from here on. agent_fd is its end of a SOCK_SEQPACKET pair. */
void session_run(int agent_fd, const struct exec_in *in) __attribute__((noreturn));
