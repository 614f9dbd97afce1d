/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/vsock.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
/* linux/vm_sockets.h wants struct sockaddr defined first */
#include <linux/vm_sockets.h>

#include "base/auto.h"

int vsock_connect_host(unsigned port, int timeout_ms, int *ret_fd, struct err *e)
{
	AUTO_FD int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_vm host = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = port };
	struct timeval limit = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };

	if (fd < 0)
		return err_sys(e, errno, "vsock socket");
	/* A kernel without this option waits its own two seconds, which is as good. */
	(void)!setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&host, sizeof(host)) < 0)
		return err_sys(e, errno, "connect to the host's vsock port %u", port);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int vsock_listen(unsigned port, int *ret_fd, struct err *e)
{
	AUTO_FD int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_vm self = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port };

	if (fd < 0)
		return err_sys(e, errno, "vsock socket");
	if (bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0 || listen(fd, 64) < 0)
		return err_sys(e, errno, "listen on vsock port %u", port);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

bool vsock_peer_is_host(int fd)
{
	struct sockaddr_vm peer = { 0 };
	socklen_t n = sizeof(peer);

	return getpeername(fd, (struct sockaddr *)&peer, &n) == 0 && peer.svm_family == AF_VSOCK &&
	       peer.svm_cid == VMADDR_CID_HOST;
}
