/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vsock/connect.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/str.h"

enum { ANSWER_MAX = 32 };

static MUST int read_answer(int fd, uint32_t port, int64_t deadline_ms, struct err *e)
{
	char line[ANSWER_MAX + 1];
	size_t len = 0;
	int64_t n;

	/* The guest's first bytes may stand right behind the line, so it is read byte by byte. */
	while (len == 0 || line[len - 1] != '\n') {
		if (len == ANSWER_MAX)
			return err_set(e, ERR_CORRUPT, "vsock port %u: no answer of the vsock device", port);
		if (fd_wait(fd, POLLIN, deadline_ms, e) < 0)
			return err_wrap(e, "vsock port %u", port);
		ssize_t got = recv(fd, line + len, 1, 0);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got < 0 && errno != ECONNRESET)
			return err_sys(e, errno, "vsock port %u", port);
		if (got <= 0)
			return err_set(e, ERR_UNAVAILABLE, "nothing in the guest listens on vsock port %u", port);
		len++;
	}
	line[len - 1] = 0;
	if (!str_starts(line, "OK ") || str_to_int(line + 3, 0, UINT32_MAX, "port", &n, e) < 0) {
		err_clear(e);
		return err_set(e, ERR_CORRUPT, "vsock port %u: no answer of the vsock device", port);
	}
	return 0;
}

int vsock_connect(const char *uds_path, uint32_t port, int64_t deadline_ms, int *ret_fd, struct err *e)
{
	AUTO_FD int fd = -1;
	char line[ANSWER_MAX];
	int len = snprintf(line, sizeof(line), "CONNECT %u\n", port);

	if (fd_connect_unix_nofollow(uds_path, &fd, e) < 0)
		return err_wrap(e, "vsock port %u", port);
	if (fd_write_all(fd, line, (size_t)len, deadline_ms, e) < 0)
		return err_wrap(e, "vsock port %u", port);
	if (read_answer(fd, port, deadline_ms, e) < 0)
		return -1;
	*ret_fd = TAKE_FD(fd);
	return 0;
}
