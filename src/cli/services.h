/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What to do about daemon and helper, for hints: an installed banger's are systemd's or, without units, this host's service manager's; others are nobody's. */

/* For a daemon that does not run. Static text. */
const char *services_start(void);
/* For a helper that does not answer. Static text. */
const char *services_mend_helper(void);
/* For a daemon that hangs; the caller's. */
char *services_end_daemon(void);
/* A warning of a daemon of that version and of another build than this command; the caller's. */
char *services_other_build(const char *version);
