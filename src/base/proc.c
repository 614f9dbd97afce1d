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

/* Moves the wanted descriptors to their numbers: first all out of the way, then each into place, then the rest closed. */
static int child_fds(const struct proc_spawn *how, int err_fd, int *ret_err_fd)
{
	int high = 3, moved[64];

	if (how->n_fds > ARRAY_LEN(moved)) {
		errno = E2BIG;
		return -1;
	}
	for (size_t i = 0; i < how->n_fds; i++)
		if (how->fds[i].as_fd >= high)
			high = how->fds[i].as_fd + 1;
	for (size_t i = 0; i < how->n_fds; i++) {
		moved[i] = fcntl(how->fds[i].fd, F_DUPFD_CLOEXEC, high);
		if (moved[i] < 0)
			return -1;
	}
	err_fd = fcntl(err_fd, F_DUPFD_CLOEXEC, high);
	if (err_fd < 0)
		return -1;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; i < 3 && null >= 0; i++)
		if (dup2(null, i) < 0)
			return -1;
	for (size_t i = 0; i < how->n_fds; i++)
		if (dup2(moved[i], how->fds[i].as_fd) < 0)
			return -1;
	/* Whatever else is open must not leak even if it lacks close-on-exec. */
	for (int fd = 3, next; fd < high; fd = next + 1) {
		next = fd;
		bool wanted = false;
		for (size_t i = 0; i < how->n_fds; i++)
			wanted |= how->fds[i].as_fd == fd;
		if (!wanted)
			close(fd);
	}
	if (err_fd > high)
		syscall(SYS_close_range, high, err_fd - 1, 0);
	syscall(SYS_close_range, err_fd + 1, ~0U, 0);
	*ret_err_fd = err_fd;
	return 0;
}

static _Noreturn void child(const struct proc_spawn *how, int err_fd, pid_t parent)
{
	sigset_t none;
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
	if (child_fds(how, err_fd, &err_fd) == 0 && (!how->before_exec || how->before_exec(how->arg) >= 0))
		execve(how->path ? how->path : "/proc/self/exe", how->argv, how->envp ? how->envp : environ);
	sys = errno;
	if (write(err_fd, &sys, sizeof(sys)) < 0)
		_exit(126);
	_exit(127);
}

int proc_start(const struct proc_spawn *how, pid_t *ret_pid, int *ret_pidfd, struct err *e)
{
	const char *name = how->path ? how->path : how->argv[0];
	AUTO_FD int pidfd = -1;
	int ends[2], sys = 0;
	pid_t parent = getpid(), pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, errno, "run '%s': pipe", name);
	AUTO_FD int in = ends[0], out = ends[1];
	pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "run '%s': fork", name);
	if (pid == 0)
		child(how, out, parent);
	close(TAKE_FD(out));
	ssize_t got;
	do
		got = read(in, &sys, sizeof(sys));
	while (got < 0 && errno == EINTR);
	if (got == (ssize_t)sizeof(sys)) {
		waitpid(pid, NULL, 0);
		return err_sys(e, sys, "run '%s'", name);
	}
	if (ret_pidfd) {
		pidfd = proc_pidfd(pid);
		if (pidfd < 0)
			return err_sys(e, errno, "watch '%s'", name);
		*ret_pidfd = TAKE_FD(pidfd);
	}
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
