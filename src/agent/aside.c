/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/aside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/loop.h"
#include "base/mem.h"

struct aside {
	struct loop_source *source;
	int fd;
	void (*done)(const char *output, void *arg);
	void *arg;
	size_t n;
	char output[ASIDE_OUTPUT_MAX];
};

static void on_output(struct loop *l, int fd, uint32_t revents, void *arg)
{
	struct aside *a = arg;
	char rest[64];
	ssize_t got;

	if (a->n < sizeof(a->output) - 1)
		got = read(fd, a->output + a->n, sizeof(a->output) - 1 - a->n);
	else
		got = read(fd, rest, sizeof(rest));
	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got > 0) {
		if (a->n < sizeof(a->output) - 1)
			a->n += (size_t)got;
		return;
	}
	a->done(a->output, a->arg);
	loop_remove(l, a->source);
	close(a->fd);
	free(a);
}

int aside_run(struct loop *loop, void (*work)(void *arg), void (*done)(const char *output, void *arg), void *arg, struct err *e)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	pid_t pid = fork();
	if (pid == 0) {
		signal(SIGCHLD, SIG_DFL);
		signal(SIGPIPE, SIG_DFL);
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		work(arg);
		_exit(0);
	}
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return err_sys(e, errno, "fork");
	}
	struct aside *a = NEW(struct aside);
	a->fd = ends[0];
	a->done = done;
	a->arg = arg;
	if (loop_add_fd(loop, a->fd, EPOLLIN, on_output, a, &a->source, e) < 0) {
		close(a->fd);
		free(a);
		return -1;
	}
	return 0;
}
