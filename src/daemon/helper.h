/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The daemon's side of the helper process: starts it on a socket that the daemon keeps, and again when it dies. An installed banger's helper
 * is the service manager's to start. */

#include "base/err.h"

struct daemon;

/* Also learns what it can do (d->network). */
MUST int helper_start(struct daemon *d, struct err *e);
/* Tells it where .vm is answered, or that it is not, so that it can tell the machine's resolver. Nothing waits for it. */
void helper_tell_dns(struct daemon *d);
void helper_stop(struct daemon *d);
