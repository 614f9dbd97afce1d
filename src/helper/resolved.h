/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Tells systemd-resolved, on the system bus, that names in .vm and the reverse of the guests' network are asked at the daemon's loopback port,
 * by way of the guests' bridge: so that nothing of the machine's configuration is touched, and all ends with the bridge. Told anew whenever the
 * bridge or resolved is. Where there is no resolved, or it serves another network namespace, nothing happens. Never waits, but for the end. */

#include <stdint.h>

#include "net/addr.h"

struct loop;
struct resolved;

/* Before rights are given up. */
struct resolved *resolved_new(struct loop *loop, const char *bridge, const struct addr_net *net);
/* Where the daemon answers; port 0: it does not any more. */
void resolved_serve(struct resolved *r, uint32_t address, uint16_t port);
/* The bridge may have been made. NULL is fine. */
void resolved_look(struct resolved *r);
/* The daemon is gone: takes back what was said, waiting for a second at most. NULL is fine. */
void resolved_end(struct resolved *r);
void resolved_free(struct resolved *r);
