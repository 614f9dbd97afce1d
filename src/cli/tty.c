/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

int tty_make_raw(struct tty *t, struct err *e)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &t->before) < 0)
		return err_sys(e, errno, "read the terminal's mode");
	raw = t->before;
	cfmakeraw(&raw);
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0)
		return err_sys(e, errno, "set the terminal's mode");
	t->raw = true;
	return 0;
}

void tty_restore(struct tty *t)
{
	if (t->raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &t->before);
	t->raw = false;
}

void tty_size(int *ret_rows, int *ret_columns)
{
	struct winsize w = { 0 };

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &w) < 0 || !w.ws_row || !w.ws_col)
		w = (struct winsize){ .ws_row = 24, .ws_col = 80 };
	*ret_rows = w.ws_row;
	*ret_columns = w.ws_col;
}

void sink_open(struct sink *s, int fd)
{
	char path[32];
	struct stat st;
	int other = -1;

	*s = (struct sink){ .fd = fd };
	if (fstat(fd, &st) < 0) {
		s->gone = errno == EBADF;
		return;
	}
	/* A regular file would get an offset of its own, and never blocks. */
	if (!S_ISFIFO(st.st_mode) && !isatty(fd))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	other = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (other < 0)
		return;
	s->fd = other;
	s->own = true;
}

/* Bytes written, 0 when it would block. */
static MUST int write_some(struct sink *s, const void *data, size_t n, size_t *ret, struct err *e)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = write(s->fd, (const char *)data + done, n - done);

		if (got >= 0) {
			done += (size_t)got;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN)
			break;
		if (errno != EPIPE && errno != EIO)
			return err_sys(e, errno, "write the command's output");
		s->gone = true;
		done = n;
	}
	*ret = done;
	return 0;
}

int sink_write(struct sink *s, const void *data, size_t n, struct err *e)
{
	size_t done = 0;

	if (s->gone)
		return 0;
	if (!s->pending.len && write_some(s, data, n, &done, e) < 0)
		return -1;
	str_add_bytes(&s->pending, (const char *)data + done, n - done);
	return 0;
}

int sink_flush(struct sink *s, struct err *e)
{
	size_t done = 0;

	if (s->pending.len && write_some(s, s->pending.data, s->pending.len, &done, e) < 0)
		return -1;
	str_consume(&s->pending, done);
	return 0;
}

void sink_done(struct sink *s)
{
	if (s->own)
		close(s->fd);
	s->own = false;
	str_done(&s->pending);
}
