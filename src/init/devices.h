/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Waiting for disks by the kernel's own announcements. */

#include <stdint.h>

#include "base/err.h"

/* Subscribes; to be done before the drivers are loaded. */
MUST int devices_listen(int *ret_fd, struct err *e);
/* Waits until /dev/NAME is a block device that opens. ERR_TIMEOUT at the deadline. */
MUST int devices_wait(int listen_fd, const char *name, int64_t deadline_ms, struct err *e);
/* Size in bytes and device number of /dev/NAME. */
MUST int devices_measure(const char *name, uint64_t *ret_bytes, unsigned *ret_major, unsigned *ret_minor, struct err *e);
