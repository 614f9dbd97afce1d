/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The host's end of the vsock unix-socket protocol that Firecracker and our own device speak. */

#include <stdint.h>

#include "base/err.h"

/* Connects to a guest's port through the device's socket. ERR_UNAVAILABLE when the guest (or the device) does not answer there, ERR_TIMEOUT
 * at the deadline, ERR_CORRUPT for an answer that is none. Not a byte behind the answer is taken. *ret_fd is blocking, close-on-exec. */
MUST int vsock_connect(const char *uds_path, uint32_t port, int64_t deadline_ms, int *ret_fd, struct err *e);
