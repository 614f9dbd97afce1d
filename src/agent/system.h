/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The image's init: which kind it is, how far it is, and how it is told to end. */

#include <stdbool.h>

/* PID 1 is banger-init, systemd or something else. */
enum system_kind { SYSTEM_OTHER, SYSTEM_BANGER, SYSTEM_SYSTEMD };

/* Signals that tell systemd (and banger-init) to end: SIGRTMIN+3 to +5, counted as glibc does, which differs from musl's count. */
enum { SYSTEM_SIG_HALT = 37, SYSTEM_SIG_POWEROFF, SYSTEM_SIG_REBOOT };

enum system_kind system_kind(void);
/* Executes systemctl is-system-running, which prints the state; wait: once the boot is over. Returns only when that is not possible. */
void system_exec_state(bool wait);
/* Blocks until systemd has finished booting; at once with any other init. */
void system_wait(void);
/* Asks for an orderly end by the init. May block for a while with inits other than systemd and ours: the caller forks. */
void system_end(bool reboot);
