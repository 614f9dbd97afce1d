/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The image's init: which kind it is, how far it is, and how it is told to end. */

#include <stdbool.h>

#include "base/err.h"

/* PID 1 is banger-init, systemd or something else. */
enum system_kind { SYSTEM_OTHER, SYSTEM_BANGER, SYSTEM_SYSTEMD };

/* Signals that tell systemd (and banger-init) to end: SIGRTMIN+3 to +5, counted as glibc does, which differs from musl's count. */
enum { SYSTEM_SIG_HALT = 37, SYSTEM_SIG_POWEROFF, SYSTEM_SIG_REBOOT };

enum system_kind system_kind(void);
/* What banger-init writes down before it becomes the image's init, since PID 1 does not say so for a while: init is its path, NULL for none. */
MUST int system_note_init(const char *init, struct err *e);
/* "starting", "running", "degraded" or "stopping" of systemd, "none" with any other init. Static text. May block for a while. */
const char *system_state(void);
/* Blocks until systemd has finished booting; at once with any other init. */
void system_wait(void);
/* Asks for an orderly end by the init. May block for a while with inits other than systemd and ours: the caller forks. */
void system_end(bool reboot);
