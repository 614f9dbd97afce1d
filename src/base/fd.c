/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"

int64_t time_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Blocks the cancel signals for the time between looking at the flag and waiting; the wait itself lets them in. */
static MUST int wait_once(struct pollfd *p, const struct timespec *limit, int *ret_n, struct err *e)
{
	const sigset_t *mask = proc_wait_mask();
	sigset_t block, old;
	int n = 0, sys = 0;

	if (mask) {
		sigemptyset(&block);
		sigaddset(&block, SIGTERM);
		sigaddset(&block, SIGINT);
		sigprocmask(SIG_BLOCK, &block, &old);
	}
	if (!proc_cancelled()) {
		n = ppoll(p, 1, limit, mask);
		sys = errno;
	}
	if (mask)
		sigprocmask(SIG_SETMASK, &old, NULL);
	if (proc_cancelled())
		return err_set(e, ERR_CANCELLED, "cancelled");
	if (n < 0 && sys != EINTR)
		return err_sys(e, sys, "poll");
	*ret_n = n;
	return 0;
}

int fd_wait(int fd, short events, int64_t deadline_ms, struct err *e)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		struct timespec ts, *limit = NULL;
		int n = 0;

		if (deadline_ms != FD_FOREVER) {
			int64_t left = deadline_ms - time_now_ms();
			ts.tv_sec = left > 0 ? left / 1000 : 0;
			ts.tv_nsec = left > 0 ? left % 1000 * 1000000 : 0;
			limit = &ts;
		}
		if (wait_once(&p, limit, &n, e) < 0)
			return -1;
		if (n > 0)
			return 0;
		if (n == 0)
			return err_set(e, ERR_TIMEOUT, "timed out");
	}
}

int fd_read_all(int fd, void *buf, size_t n, int64_t deadline_ms, struct err *e)
{
	char *at = buf;

	while (n) {
		if (deadline_ms != FD_FOREVER && fd_wait(fd, POLLIN, deadline_ms, e) < 0)
			return -1;
		ssize_t got = read(fd, at, n);
		if (got == 0)
			return err_set(e, ERR_CORRUPT, "ends early, %zu bytes missing", n);
		if (got < 0 && errno == EAGAIN) {
			if (fd_wait(fd, POLLIN, deadline_ms, e) < 0)
				return -1;
			continue;
		}
		if (got < 0) {
			if (errno == EINTR && !proc_cancelled())
				continue;
			return err_sys(e, errno == EINTR ? ECANCELED : errno, "read");
		}
		at += got;
		n -= (size_t)got;
	}
	return 0;
}

int fd_write_all(int fd, const void *buf, size_t n, int64_t deadline_ms, struct err *e)
{
	const char *at = buf;

	while (n) {
		if (deadline_ms != FD_FOREVER && fd_wait(fd, POLLOUT, deadline_ms, e) < 0)
			return -1;
		ssize_t put = write(fd, at, n);
		if (put < 0 && errno == EAGAIN) {
			if (fd_wait(fd, POLLOUT, deadline_ms, e) < 0)
				return -1;
			continue;
		}
		if (put < 0) {
			if (errno == EINTR && !proc_cancelled())
				continue;
			return err_sys(e, errno == EINTR ? ECANCELED : errno, "write");
		}
		at += put;
		n -= (size_t)put;
	}
	return 0;
}

int fd_pread_all(int fd, void *buf, size_t n, off_t at, struct err *e)
{
	char *p = buf;

	while (n) {
		ssize_t got = pread(fd, p, n, at);
		if (got == 0)
			return err_set(e, ERR_CORRUPT, "ends early, %zu bytes missing", n);
		if (got < 0) {
			if (errno == EINTR)
				continue;
			return err_sys(e, errno, "read");
		}
		p += got;
		at += got;
		n -= (size_t)got;
	}
	return 0;
}

int fd_pwrite_all(int fd, const void *buf, size_t n, off_t at, struct err *e)
{
	const char *p = buf;

	while (n) {
		ssize_t put = pwrite(fd, p, n, at);
		if (put < 0) {
			if (errno == EINTR)
				continue;
			return err_sys(e, errno, "write");
		}
		p += put;
		at += put;
		n -= (size_t)put;
	}
	return 0;
}

int fd_read_file(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_len, struct err *e)
{
	AUTO_FD int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	AUTO_MEM char *buf = NULL;
	size_t len = 0, cap = 0;

	if (fd < 0)
		return err_sys(e, errno, "open '%s'", path);
	for (;;) {
		if (len == cap) {
			cap = cap ? cap * 2 : 4096;
			buf = mem_resize(buf, cap + 1, 1);
		}
		ssize_t got = read(fd, buf + len, cap - len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(e, errno, "read '%s'", path);
		if (got == 0)
			break;
		len += (size_t)got;
		if (len > max)
			return err_set(e, ERR_INVALID, "'%s' is larger than %zu bytes", path, max);
	}
	buf[len] = 0;
	*ret = TAKE_PTR(buf);
	if (ret_len)
		*ret_len = len;
	return 0;
}

ssize_t fd_send_msg(int sock, const void *buf, size_t n, const int *fds, size_t n_fds)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds > FD_PASS_MAX) {
		errno = E2BIG;
		return -1;
	}
	if (n_fds) {
		memset(&control, 0, sizeof(control));
		m.msg_control = control.buf;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	return sendmsg(sock, &m, MSG_NOSIGNAL);
}

ssize_t fd_recv_msg(int sock, void *buf, size_t n, int *ret_fds, size_t *ret_n_fds)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = buf, .iov_len = n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control.buf) };
	ssize_t got = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);

	*ret_n_fds = 0;
	if (got < 0)
		return -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (*ret_n_fds < FD_PASS_MAX)
				ret_fds[(*ret_n_fds)++] = fd;
			else
				close(fd);
		}
	}
	return got;
}

int fd_set_nonblock(int fd, bool on, struct err *e)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0)
		return err_sys(e, errno, "set non-blocking");
	return 0;
}

int fd_set_cloexec(int fd, bool on, struct err *e)
{
	if (fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0)
		return err_sys(e, errno, "set close-on-exec");
	return 0;
}

/* Fills sun; a path that does not fit goes through the folder's descriptor, which *ret_dir then holds. */
static MUST int unix_address(const char *path, struct sockaddr_un *sun, int *ret_dir, struct err *e)
{
	const char *name = strrchr(path, '/');
	AUTO_MEM char *dir = NULL;
	AUTO_FD int dir_fd = -1;

	*sun = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) < sizeof(sun->sun_path)) {
		memcpy(sun->sun_path, path, strlen(path) + 1);
		return 0;
	}
	dir = path_dirname(path);
	dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return err_sys(e, errno, "open '%s'", dir);
	int n = snprintf(sun->sun_path, sizeof(sun->sun_path), "/proc/self/fd/%d/%s", dir_fd, name ? name + 1 : path);
	if (n < 0 || (size_t)n >= sizeof(sun->sun_path))
		return err_set(e, ERR_INVALID, "socket path '%s' is too long", path);
	*ret_dir = TAKE_FD(dir_fd);
	return 0;
}

static MUST int connect_unix(const char *path, int flags, int *ret_fd, struct err *e)
{
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	AUTO_FD int dir = -1;
	struct sockaddr_un sun;

	if (fd < 0)
		return err_sys(e, errno, "socket");
	if (unix_address(path, &sun, &dir, e) < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		return errno == EAGAIN ? err_set(e, ERR_BUSY, "connect to '%s': nobody takes calls there", path) : err_sys(e, errno, "connect to '%s'", path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int fd_connect_unix(const char *path, int *ret_fd, struct err *e)
{
	return connect_unix(path, 0, ret_fd, e);
}

int fd_connect_unix_nofollow(const char *path, int *ret_fd, struct err *e)
{
	AUTO_FD int at = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct stat st;

	if (at < 0 || fstat(at, &st) < 0)
		return err_sys(e, errno, "connect to '%s'", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ERR_DENIED, "connect to '%s': it is no socket", path);
	if (fd < 0)
		return err_sys(e, errno, "socket");
	snprintf(sun.sun_path, sizeof(sun.sun_path), "/proc/self/fd/%d", at);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		return err_sys(e, errno, "connect to '%s'", path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int fd_connect_unix_now(const char *path, int *ret_fd, struct err *e)
{
	return connect_unix(path, SOCK_NONBLOCK, ret_fd, e);
}

int fd_listen_unix(const char *path, mode_t mode, int *ret_fd, struct err *e)
{
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	AUTO_FD int dir = -1;
	struct sockaddr_un sun;
	mode_t old;
	int rc;

	if (fd < 0)
		return err_sys(e, errno, "socket");
	if (unix_address(path, &sun, &dir, e) < 0)
		return -1;
	if (unlink(path) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove '%s'", path);
	old = umask((mode_t)(~mode & 0777));
	rc = bind(fd, (struct sockaddr *)&sun, sizeof(sun));
	umask(old);
	if (rc < 0 || listen(fd, SOMAXCONN) < 0)
		return err_sys(e, errno, "listen on '%s'", path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}
