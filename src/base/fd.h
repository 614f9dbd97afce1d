/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Descriptors: whole reads and writes with a deadline, passing over unix sockets. Deadlines are time_now_ms() values; FD_FOREVER has none. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define FD_FOREVER INT64_MAX
#define FD_PASS_MAX 16 /* descriptors in one message */

/* CLOCK_MONOTONIC in milliseconds. */
int64_t time_now_ms(void);
/* Waits until events (poll's) are there on fd. ERR_TIMEOUT at the deadline, ERR_CANCELLED once proc_cancelled() is true. */
MUST int fd_wait(int fd, short events, int64_t deadline_ms, struct err *e);
/* Reads exactly n bytes; the end before that is ERR_CORRUPT. Blocking or non-blocking fd. */
MUST int fd_read_all(int fd, void *buf, size_t n, int64_t deadline_ms, struct err *e);
MUST int fd_write_all(int fd, const void *buf, size_t n, int64_t deadline_ms, struct err *e);
MUST int fd_pread_all(int fd, void *buf, size_t n, off_t at, struct err *e);
MUST int fd_pwrite_all(int fd, const void *buf, size_t n, off_t at, struct err *e);
/* Whole file at path (relative to dir_fd, or AT_FDCWD), NUL-terminated; larger than max is ERR_INVALID. Caller frees *ret. */
MUST int fd_read_file(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_len, struct err *e);
/* One sendmsg/recvmsg with descriptors. Receives are close-on-exec; *ret_fds (room for FD_PASS_MAX) belong to the caller.
 * *ret_n is 0 at the end of the stream. Plain errno style, for event loops: -1 with errno, EAGAIN included. */
ssize_t fd_send_msg(int sock, const void *buf, size_t n, const int *fds, size_t n_fds);
ssize_t fd_recv_msg(int sock, void *buf, size_t n, int *ret_fds, size_t *ret_n_fds);
MUST int fd_set_nonblock(int fd, bool on, struct err *e);
MUST int fd_set_cloexec(int fd, bool on, struct err *e);
/* Unix stream socket, close-on-exec. Paths longer than sun_path go through /proc/self/fd of the folder. */
MUST int fd_connect_unix(const char *path, int *ret_fd, struct err *e);
/* The same in a folder where others can put names: ERR_DENIED for anything but a socket, a symbolic link to one included. */
MUST int fd_connect_unix_nofollow(const char *path, int *ret_fd, struct err *e);
/* As fd_connect_unix without waiting where too many wait already: ERR_BUSY. The socket does not block. */
MUST int fd_connect_unix_now(const char *path, int *ret_fd, struct err *e);
/* Binds and listens with the given mode from birth; an existing socket file there is removed. */
MUST int fd_listen_unix(const char *path, mode_t mode, int *ret_fd, struct err *e);
