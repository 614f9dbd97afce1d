/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The daemon's side of the helper process: starts it on a socket that the daemon keeps, and again when it dies. */

#include "base/err.h"

struct daemon;

/* Also learns what it can do (d->network). */
MUST int helper_start(struct daemon *d, struct err *e);
void helper_stop(struct daemon *d);
