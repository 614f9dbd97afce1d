/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* PID 1 of an image without an init, and the agent's start in any image. */

#include <sys/types.h>

#include "base/err.h"

/* Executes this binary as the agent, listening on listen_fd (which stays the caller's; -1: the agent makes its own). Its argv[0]
 * begins with '@', so systemd's final killing spares it. */
MUST int pid1_start_agent(int listen_fd, pid_t *ret_pid, struct err *e);
/* Reaps, keeps the agent running, and shuts down when told to by a signal. */
void pid1_stay(int listen_fd, pid_t agent) __attribute__((noreturn));
