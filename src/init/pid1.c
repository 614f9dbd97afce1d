/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "init/pid1.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/files.h"
#include "agent/say.h"
#include "agent/system.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "init/power.h"
#include "init/umount.h"

enum { TERM_MS = 5000, KILL_MS = 2000, RESTART_MS = 1000, NOFILE = 524288 };

/* Async-signal-safe. What the agent starts gets its own values. */
static int before_agent(void *arg)
{
	struct rlimit files = { NOFILE, NOFILE };
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)!write(fd, "-900", 4);
	(void)!setrlimit(RLIMIT_NOFILE, &files);
	return 0;
}

int pid1_start_agent(int listen_fd, pid_t *ret_pid, struct err *e)
{
	char *argv[] = { (char[]){ "@banger-vsock-agent" }, (char[]){ "--role" }, (char[]){ "banger-vsock-agent" }, NULL };
	char *envp[] = { (char[]){ AGENT_ENV_EARLY "=1" }, (char[]){ "PATH=" AGENT_PATH }, NULL };
	struct proc_fd fds[] = { { listen_fd, AGENT_LISTEN_FD } };
	struct proc_spawn how = { .argv = argv, .envp = envp, .fds = fds, .n_fds = listen_fd >= 0, .new_session = true,
		.before_exec = before_agent };

	return proc_start(&how, ret_pid, NULL, e);
}

/* busybox's halt and poweroff; busybox's reboot, ctrl-alt-del */
static const int poweroff_signals[] = { SIGUSR1, SIGUSR2, SIGPWR, SYSTEM_SIG_HALT, SYSTEM_SIG_POWEROFF };
static const int reboot_signals[] = { SIGTERM, SIGINT, SYSTEM_SIG_REBOOT };

static int watch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < ARRAY_LEN(poweroff_signals); i++)
		sigaddset(&set, poweroff_signals[i]);
	for (size_t i = 0; i < ARRAY_LEN(reboot_signals); i++)
		sigaddset(&set, reboot_signals[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	reboot(RB_DISABLE_CAD); /* ctrl-alt-del comes as SIGINT */
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The action that a signal asks for, or NULL. */
static const char *action_of(int sig)
{
	for (size_t i = 0; i < ARRAY_LEN(poweroff_signals); i++)
		if (sig == poweroff_signals[i])
			return "poweroff";
	for (size_t i = 0; i < ARRAY_LEN(reboot_signals); i++)
		if (sig == reboot_signals[i])
			return "reboot";
	return NULL;
}

/* Takes in what has ended; true when the agent was among it. */
static bool reap(pid_t agent)
{
	bool lost = false;
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		lost |= pid == agent;
	return lost;
}

/* Until there is no child left or the time is over. */
static void wait_children(int signals, int ms)
{
	int64_t deadline = time_now_ms() + ms;
	struct signalfd_siginfo info;
	struct err e = { 0 };
	pid_t pid;

	for (;;) {
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (pid < 0 || fd_wait(signals, POLLIN, deadline, &e) < 0)
			return;
		(void)!read(signals, &info, sizeof(info));
	}
}

static void shut_down(int signals, const char *action) __attribute__((noreturn));
static void shut_down(int signals, const char *action)
{
	say("%s", action);
	kill(-1, SIGTERM);
	kill(-1, SIGCONT);
	/* the agent waits for the end of what it runs, not for its own: it counts as a child for the whole time */
	wait_children(signals, TERM_MS);
	kill(-1, SIGKILL);
	wait_children(signals, KILL_MS);
	umount_all();
	power_reset(action);
}

/* Images without an init are often without a daemon too; sshd is the one that people look for. */
static void start_sshd(void)
{
	char *argv[] = { (char[]){ "/usr/sbin/sshd" }, (char[]){ "-D" }, NULL }; /* it wants its whole path there */
	char *envp[] = { (char[]){ "PATH=" AGENT_PATH }, NULL };
	struct proc_spawn how = { .path = "/usr/sbin/sshd", .argv = argv, .envp = envp, .new_session = true };
	struct err e = { 0 };
	pid_t pid;

	if (access("/usr/sbin/sshd", X_OK) < 0)
		return;
	if (files_make_dirs("/run/sshd", &e) < 0 || proc_start(&how, &pid, NULL, &e) < 0)
		say_console("sshd: %s", e.msg);
}

void pid1_stay(int listen_fd, pid_t agent)
{
	int signals = watch_signals();
	struct signalfd_siginfo info;
	struct err e = { 0 };

	start_sshd();
	for (;;) {
		if (fd_wait(signals, POLLIN, FD_FOREVER, &e) < 0)
			power_reset("panic");
		while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
			const char *action = action_of((int)info.ssi_signo);
			if (action)
				shut_down(signals, action);
			if (!reap(agent))
				continue;
			say_console("the agent has ended; starting another");
			if (pid1_start_agent(listen_fd, &agent, &e) < 0) {
				say_console("start the agent: %s", e.msg);
				err_clear(&e);
			}
		}
	}
}
