/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Free space below running VMs. A write that finds no room is an error in the guest and makes a dm-snapshot store invalid for good, so VMs are
 * paused while a reserve is still free (base/room: of the disk, or of a quota), and go on by themselves once there is room again. */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct daemon;

/* Whether VMs must pause with that much free; those that are paused stay so until twice the reserve is free. */
bool space_is_low(uint64_t total, uint64_t avail, bool paused);
/* Milliseconds after which to look again so that nobody who writes 2 GiB/s gets from avail into the reserve unseen. */
int64_t space_interval(uint64_t total, uint64_t avail);
/* Looks at once, and from then on as long as VMs run. A file system tells nobody that it fills up, hence a timer: rare while there is much
 * room, often when there is little, none without VMs. Again is fine. */
void space_watch(struct daemon *d);
/* ERR_NO_SPACE when a VM that starts now would be paused at once. */
MUST int space_check(struct err *e);
