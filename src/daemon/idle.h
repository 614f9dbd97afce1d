/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Stops VMs that nobody uses (auto_stop_stale_after). Use is a start and everything that reaches into the guest through the daemon; before the stop
 * its processor, disk and network are watched for a while, and a worker asks the guest what goes on in it. */

struct daemon;
struct object;

/* The VM is in use now. */
void idle_touch(struct object *o);
/* Looks at all VMs anew, after the configuration has changed. */
void idle_rearm(struct daemon *d);
