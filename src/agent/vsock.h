/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* AF_VSOCK sockets towards the host (linux/vm_sockets.h). */

#include <stdbool.h>

#include "base/err.h"

#define VSOCK_PORT_AGENT 42070 /* the agent listens there */
#define VSOCK_PORT_HELLO 42071 /* the host does */

/* Connects to a port of the host, CID 2; *ret_fd is close-on-exec. */
MUST int vsock_connect_host(unsigned port, int timeout_ms, int *ret_fd, struct err *e);
/* Listens on a port for anybody; whom to serve is decided with vsock_peer_is_host. */
MUST int vsock_listen(unsigned port, int *ret_fd, struct err *e);
/* Whether the other end of a connection is the host (CID 2) and not a process of this guest or another one. */
bool vsock_peer_is_host(int fd);
