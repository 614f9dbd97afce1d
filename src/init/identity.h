/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What this VM alone has: image import took the image's out, here it gets its own before its init starts. Failures are said on the console. */

#include <stdbool.h>

/* Writes /etc/machine-id where there is none yet; id NULL: the host gave none. */
void identity_machine_id(const char *id);
/* Makes an ssh host key where there is none and the image has ssh. systemd does it by a unit, when the server first starts. */
void identity_host_keys(void);
