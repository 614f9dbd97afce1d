/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* How far the image's systemd is, asked on its own socket: no bus daemon and no program of the image is needed. */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define DBUS_SYSTEMD "/run/systemd/private"
#define DBUS_STATE_MAX 32

/* SystemState of systemd's manager: "initializing", "starting", "running", "degraded", "maintenance", "stopping". wait: only once it is
 * neither of the first two. */
MUST int dbus_systemd_state(const char *socket_path, bool wait, int64_t deadline_ms, char ret[static DBUS_STATE_MAX], struct err *e);
/* Blocks until systemd's socket has its name; run: its "/run". At once where that cannot be seen. */
void dbus_systemd_there(const char *run);
/* Blocks until systemd has finished booting; its state then. ERR_TIMEOUT: its socket has its name, but does not listen. */
MUST int dbus_systemd_booted(const char *run, char ret[static DBUS_STATE_MAX], struct err *e);
