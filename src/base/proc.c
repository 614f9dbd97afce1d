/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/proc.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#define SYS_pidfd_send_signal 424
#endif

static volatile sig_atomic_t cancelled;
static bool catching;
static sigset_t wait_mask;

static void on_cancel(int sig)
{
	cancelled = 1;
}

void proc_catch_cancel(void)
{
	struct sigaction sa = { .sa_handler = on_cancel };
	sigset_t block;

	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGINT);
	sigprocmask(SIG_SETMASK, NULL, &wait_mask);
	sigdelset(&wait_mask, SIGTERM);
	sigdelset(&wait_mask, SIGINT);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	catching = true;
}

bool proc_cancelled(void)
{
	return cancelled;
}

const sigset_t *proc_wait_mask(void)
{
	return catching ? &wait_mask : NULL;
}

enum { FD_ERR, FD_GO, FD_OWN_COUNT };

/* Moves the wanted descriptors to their numbers: first all out of the way, then each into place; nothing else stays open but own[]. */
static int child_fds(const struct proc_spawn *how, int own[static FD_OWN_COUNT])
{
	int high = 3, moved[64];

	if (how->n_fds > ARRAY_LEN(moved)) {
		errno = E2BIG;
		return -1;
	}
	for (size_t i = 0; i < how->n_fds; i++)
		if (how->fds[i].as_fd >= high)
			high = how->fds[i].as_fd + 1;
	for (size_t i = 0; i < how->n_fds; i++)
		if ((moved[i] = fcntl(how->fds[i].fd, F_DUPFD_CLOEXEC, high + FD_OWN_COUNT)) < 0)
			return -1;
	for (int i = 0; i < FD_OWN_COUNT; i++)
		if ((own[i] = fcntl(own[i], F_DUPFD_CLOEXEC, high + FD_OWN_COUNT)) < 0)
			return -1;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; i < 3; i++)
		if (null < 0 || dup2(null, i) < 0)
			return -1;
	for (size_t i = 0; i < how->n_fds; i++)
		if (dup2(moved[i], how->fds[i].as_fd) < 0)
			return -1;
	for (int i = 0; i < FD_OWN_COUNT; i++) {
		if (dup3(own[i], high + i, O_CLOEXEC) < 0)
			return -1;
		own[i] = high + i;
	}
	for (int fd = 3; fd < high; fd++) {
		bool wanted = false;
		for (size_t i = 0; i < how->n_fds; i++)
			wanted |= how->fds[i].as_fd == fd;
		if (!wanted)
			close(fd);
	}
	syscall(SYS_close_range, high + FD_OWN_COUNT, ~0U, 0);
	return 0;
}

static _Noreturn void child(const struct proc_spawn *how, int own[static FD_OWN_COUNT], pid_t parent)
{
	sigset_t none;
	char go;
	int sys;

	sigemptyset(&none);
	for (int s = 1; s < 32; s++)
		if (s != SIGKILL && s != SIGSTOP)
			signal(s, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (how->new_session)
		setsid();
	if (how->die_with_parent) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(127);
	}
	if (child_fds(how, own) == 0) {
		if (read(own[FD_GO], &go, 1) != 1)
			_exit(127);
		if (!how->before_exec || how->before_exec(how->arg) >= 0)
			execve(how->path ? how->path : "/proc/self/exe", how->argv, how->envp ? how->envp : environ);
	}
	sys = errno;
	if (write(own[FD_ERR], &sys, sizeof(sys)) < 0)
		_exit(126);
	_exit(127);
}

int proc_hold(const struct proc_spawn *how, struct proc_held *ret, struct err *e)
{
	const char *name = how->path ? how->path : how->argv[0];
	int errs[2], gos[2];
	pid_t parent = getpid(), pid;

	if (pipe2(errs, O_CLOEXEC) < 0)
		return err_sys(e, errno, "run '%s': pipe", name);
	AUTO_FD int err_in = errs[0], err_out = errs[1];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, gos) < 0)
		return err_sys(e, errno, "run '%s': socketpair", name);
	AUTO_FD int go_in = gos[0], go_out = gos[1];
	pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "run '%s': fork", name);
	if (pid == 0) {
		int own[FD_OWN_COUNT] = { err_out, go_in };
		close(go_out);
		child(how, own, parent);
	}
	*ret = (struct proc_held){ .pid = pid, .go_fd = TAKE_FD(go_out), .err_fd = TAKE_FD(err_in) };
	return 0;
}

int proc_let_go(struct proc_held *h, const char *name, struct err *e)
{
	ssize_t got;
	int sys = 0;

	/* A child that ended before leaves nobody to read; what it says on err_fd tells why. */
	if (send(h->go_fd, "g", 1, MSG_NOSIGNAL) < 0 && errno != EPIPE) {
		sys = errno;
		proc_held_done(h);
		return err_sys(e, sys, "run '%s'", name);
	}
	do
		got = read(h->err_fd, &sys, sizeof(sys));
	while (got < 0 && errno == EINTR);
	close(TAKE_FD(h->go_fd));
	close(TAKE_FD(h->err_fd));
	if (got == (ssize_t)sizeof(sys)) {
		waitpid(h->pid, NULL, 0);
		h->pid = 0;
		return err_sys(e, sys, "run '%s'", name);
	}
	h->pid = 0;
	return 0;
}

void proc_held_done(struct proc_held *h)
{
	auto_fd_close(&h->go_fd);
	auto_fd_close(&h->err_fd);
	if (h->pid > 0)
		waitpid(h->pid, NULL, 0);
	*h = (struct proc_held)PROC_HELD_NONE;
}

int proc_start(const struct proc_spawn *how, pid_t *ret_pid, int *ret_pidfd, struct err *e)
{
	const char *name = how->path ? how->path : how->argv[0];
	AUTO_DONE(proc_held_done) struct proc_held held = PROC_HELD_NONE;
	AUTO_FD int pidfd = -1;
	pid_t pid;

	if (proc_hold(how, &held, e) < 0)
		return -1;
	pid = held.pid;
	if (ret_pidfd && (pidfd = proc_pidfd(pid)) < 0)
		return err_sys(e, errno, "watch '%s'", name);
	if (proc_let_go(&held, name, e) < 0)
		return -1;
	if (ret_pidfd)
		*ret_pidfd = TAKE_FD(pidfd);
	*ret_pid = pid;
	return 0;
}

int proc_wait(pid_t pid, int64_t deadline_ms, int *ret_status, struct err *e)
{
	AUTO_FD int pidfd = proc_pidfd(pid);

	if (pidfd < 0)
		return err_sys(e, errno, "wait for process %d", (int)pid);
	if (fd_wait(pidfd, POLLIN, deadline_ms, e) < 0)
		return -1;
	if (waitpid(pid, ret_status, 0) < 0)
		return err_sys(e, errno, "wait for process %d", (int)pid);
	return 0;
}

int proc_pidfd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

int proc_pidfd_signal(int pidfd, int sig)
{
	return (int)syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0);
}

/* State letter and start time, behind the command's closing parenthesis (proc(5)). */
static MUST int read_stat(pid_t pid, char *ret_state, int64_t *ret_start, struct err *e)
{
	char path[40];
	AUTO_MEM char *text = NULL;
	const char *at;
	long long start;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (fd_read_file(AT_FDCWD, path, 8192, &text, NULL, e) < 0) {
		if (e->sys == ESRCH)
			e->code = ERR_NOT_FOUND;
		return -1;
	}
	at = strrchr(text, ')');
	if (!at || sscanf(at, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %lld", ret_state, &start) != 2)
		return err_set(e, ERR_SYSTEM, "'%s' has an unknown form", path);
	*ret_start = start;
	return 0;
}

int proc_identify(pid_t pid, struct proc_id *ret, struct err *e)
{
	int64_t start;
	char state;

	if (read_stat(pid, &state, &start, e) < 0)
		return -1;
	*ret = (struct proc_id){ .pid = pid, .start_time = start };
	return 0;
}

int proc_open(const struct proc_id *id, int *ret_pidfd, struct err *e)
{
	AUTO_FD int fd = id->pid > 0 ? proc_pidfd((pid_t)id->pid) : -1;
	int64_t start;
	char state;

	if (fd < 0 || read_stat((pid_t)id->pid, &state, &start, e) < 0 || start != id->start_time || state == 'Z') {
		err_clear(e);
		return err_set(e, ERR_NOT_FOUND, "process %lld is gone", (long long)id->pid);
	}
	*ret_pidfd = TAKE_FD(fd);
	return 0;
}

bool proc_alive(const struct proc_id *id)
{
	struct err ignored = { 0 };
	AUTO_FD int fd = -1;

	return proc_open(id, &fd, &ignored) == 0;
}

int proc_kill(const struct proc_id *id, int sig, struct err *e)
{
	struct err gone = { 0 };
	AUTO_FD int fd = -1;

	if (proc_open(id, &fd, &gone) < 0)
		return 0;
	if (proc_pidfd_signal(fd, sig) < 0 && errno != ESRCH)
		return err_sys(e, errno, "signal process %lld", (long long)id->pid);
	return 0;
}

static const struct {
	int sig;
	const char *name;
} signals[] = {
	{ SIGHUP, "HUP" },   { SIGINT, "INT" },   { SIGQUIT, "QUIT" }, { SIGILL, "ILL" },   { SIGTRAP, "TRAP" },     { SIGABRT, "ABRT" },
	{ SIGBUS, "BUS" },   { SIGFPE, "FPE" },   { SIGKILL, "KILL" }, { SIGUSR1, "USR1" }, { SIGSEGV, "SEGV" },     { SIGUSR2, "USR2" },
	{ SIGPIPE, "PIPE" }, { SIGALRM, "ALRM" }, { SIGTERM, "TERM" }, { SIGCHLD, "CHLD" }, { SIGCONT, "CONT" },     { SIGSTOP, "STOP" },
	{ SIGTSTP, "TSTP" }, { SIGTTIN, "TTIN" }, { SIGTTOU, "TTOU" }, { SIGXCPU, "XCPU" }, { SIGWINCH, "WINCH" },   { SIGSYS, "SYS" },
};

const char *proc_signal_name(int sig)
{
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		if (signals[i].sig == sig)
			return signals[i].name;
	return "?";
}

int proc_signal_number(const char *name)
{
	if (strncasecmp(name, "SIG", 3) == 0)
		name += 3;
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		if (strcasecmp(signals[i].name, name) == 0)
			return signals[i].sig;
	return 0;
}

const char *proc_status_text(int status, char out[static 64])
{
	if (WIFSIGNALED(status))
		snprintf(out, 64, "killed by signal %d (%s)", WTERMSIG(status), proc_signal_name(WTERMSIG(status)));
	else
		snprintf(out, 64, "exit status %d", WEXITSTATUS(status));
	return out;
}
