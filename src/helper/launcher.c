/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "helper/helper.h"
#include "sandbox/sandbox.h"

enum { SOCK_FD = 3, STOP_MS = 2000 };

enum what { LAUNCH, GO, FORGET };

struct request {
	enum what what;
	uint64_t id;
	struct launch launch;
};

struct reply {
	int rc;
	struct err e;
	struct launched launched;
};

static void answer(struct helper *h, const struct request *r, const int *fds, size_t n_fds, struct reply *ret)
{
	switch (r->what) {
	case LAUNCH:
		ret->rc = launch_hold(h, r->id, &r->launch, fds, n_fds, &ret->launched, &ret->e);
		break;
	case GO:
		ret->rc = launch_go(h, r->id, &ret->e);
		break;
	case FORGET:
		launch_drop(h, r->id);
		break;
	}
}

/* False at the helper's end. */
static bool serve_one(struct helper *h, int sock)
{
	struct request r = { 0 };
	struct reply out = { 0 };
	int fds[FD_PASS_MAX];
	size_t n_fds = 0;
	ssize_t got = fd_recv_msg(sock, &r, sizeof(r), fds, &n_fds);

	if (got == (ssize_t)sizeof(r))
		answer(h, &r, fds, n_fds, &out);
	for (size_t i = 0; i < n_fds; i++)
		close(fds[i]);
	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	return got == (ssize_t)sizeof(r) && fd_send_msg(sock, &out, sizeof(out), NULL, 0) == (ssize_t)sizeof(out);
}

/* VMMs are its children until it goes. */
static void reap(int signals)
{
	struct signalfd_siginfo info;

	while (read(signals, &info, sizeof(info)) > 0)
		continue;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue;
}

static void run(struct helper *h, int sock)
{
	sigset_t set;
	int signals;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	signals = sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -1 : signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0) {
		log_error("cannot launch", "why", strerror(errno));
		return;
	}
	for (;;) {
		struct pollfd p[] = { { .fd = sock, .events = POLLIN }, { .fd = signals, .events = POLLIN } };

		if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
			return;
		if (p[0].revents && !serve_one(h, sock))
			return;
		if (p[1].revents)
			reap(signals);
	}
}

/* In the child. Only the socket stays open, and standard error. */
static void be_launcher(struct helper *h, int sock)
{
	struct err e = { 0 };

	if (dup2(sock, SOCK_FD) < 0 || fcntl(SOCK_FD, F_SETFD, FD_CLOEXEC) < 0 || syscall(SYS_close_range, SOCK_FD + 1, ~0u, 0) < 0)
		log_error("cannot launch", "why", strerror(errno));
	else if (sandbox_launcher(h->jail_base, &e) < 0)
		log_error("cannot give up rights", "why", e.msg);
	else
		run(h, SOCK_FD);
}

int launcher_start(struct helper *h, struct err *e)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "socketpair");
	AUTO_FD int ours = pair[0], theirs = pair[1];
	pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "fork");
	if (pid == 0) {
		be_launcher(h, theirs);
		_exit(0);
	}
	h->launcher_fd = TAKE_FD(ours);
	h->launcher_pid = pid;
	return 0;
}

void launcher_stop(struct helper *h)
{
	struct err e = { 0 };
	int status;

	auto_fd_close(&h->launcher_fd);
	if (h->launcher_pid > 0 && proc_wait(h->launcher_pid, time_now_ms() + STOP_MS, &status, &e) < 0 && e.sys != ECHILD)
		log_warn("the launcher does not end", "why", e.msg);
	h->launcher_pid = 0;
}

static void on_end(struct loop *l, int fd, uint32_t revents, void *arg)
{
	log_error("the launcher has ended, so the helper does");
	loop_stop(l);
}

int launcher_watch(struct helper *h, struct err *e)
{
	return loop_add_fd(h->loop, h->launcher_fd, EPOLLRDHUP, on_end, h, NULL, e);
}

static MUST int ask(const struct helper *h, const struct request *r, const int *fds, size_t n_fds, struct reply *ret, struct err *e)
{
	int none[FD_PASS_MAX];
	size_t n_none;

	if (fd_send_msg(h->launcher_fd, r, sizeof(*r), fds, n_fds) != (ssize_t)sizeof(*r) ||
	    fd_recv_msg(h->launcher_fd, ret, sizeof(*ret), none, &n_none) != (ssize_t)sizeof(*ret))
		return err_set(e, ERR_UNAVAILABLE, "the launcher does not answer");
	if (ret->rc == 0)
		return 0;
	*e = ret->e;
	return -1;
}

int launcher_launch(const struct helper *h, uint64_t id, const struct launch *what, const int *fds, size_t n_fds, struct launched *ret, struct err *e)
{
	struct request r = { .what = LAUNCH, .id = id, .launch = *what };
	struct reply reply;

	if (ask(h, &r, fds, n_fds, &reply, e) < 0)
		return -1;
	*ret = reply.launched;
	return 0;
}

int launcher_go(const struct helper *h, uint64_t id, struct err *e)
{
	struct request r = { .what = GO, .id = id };
	struct reply reply;

	return ask(h, &r, NULL, 0, &reply, e);
}

void launcher_forget(const struct helper *h, uint64_t id)
{
	struct request r = { .what = FORGET, .id = id };
	struct reply reply;
	struct err e = { 0 };

	if (ask(h, &r, NULL, 0, &reply, &e) < 0)
		log_warn("a launch is not given up", "why", e.msg);
}
