/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* config.toml read again by a daemon that runs. */

#include "base/err.h"

struct config;
struct daemon;
struct daemon_reload_out;

/* Fills *ret (the caller's, empty) with the names of keys whose values differ. A file that is wrong changes nothing; a new address for metrics or names that cannot be
 * had is the error after all else has been taken over. */
MUST int daemon_reload(struct daemon *d, struct daemon_reload_out *ret, struct err *e);
/* What the installation fixes, in system mode. */
MUST int daemon_config_fix(struct config *c, struct err *e);
