/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/system.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/inotify.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/hello.h"
#include "agent/say.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/str.h"

#define SYSTEMD_DIR "/run/systemd"
#define SYSTEMD_BUS SYSTEMD_DIR "/private" /* systemctl's way to PID 1 */

enum { LEAVE_MS = 2000 };

static bool same_program(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

enum system_kind system_kind(void)
{
	AUTO_MEM char *name = NULL;
	struct err ignored = { 0 }; /* a kernel thread has no exe, and PID 1 is none */

	if (same_program("/proc/1/exe", "/proc/self/exe"))
		return SYSTEM_BANGER;
	if (fd_read_file(AT_FDCWD, "/proc/1/comm", 64, &name, NULL, &ignored) < 0)
		return SYSTEM_OTHER;
	return str_eq(name, "systemd\n") ? SYSTEM_SYSTEMD : SYSTEM_OTHER;
}

void system_exec_state(bool wait)
{
	char *argv[] = { (char[]){ "systemctl" }, (char[]){ "is-system-running" }, (char[]){ "--wait" }, NULL };
	char *envp[] = { (char[]){ "PATH=" AGENT_PATH }, (char[]){ "SYSTEMD_COLORS=0" }, NULL };

	if (!wait)
		argv[2] = NULL;
	execve("/usr/bin/systemctl", argv, envp);
	execve("/bin/systemctl", argv, envp);
}

/* Systemd makes its folder and then the socket in it; each is an event. */
static void wait_for_bus(void)
{
	AUTO_FD int watch = inotify_init1(IN_CLOEXEC);
	char events[1024];

	if (watch < 0 || inotify_add_watch(watch, "/run", IN_CREATE | IN_MOVED_TO) < 0)
		return;
	while (access(SYSTEMD_BUS, F_OK) < 0) {
		/* again after each event: the folder may be new */
		inotify_add_watch(watch, SYSTEMD_DIR, IN_CREATE | IN_MOVED_TO);
		if (access(SYSTEMD_BUS, F_OK) == 0 || read(watch, events, sizeof(events)) <= 0)
			return;
	}
}

void system_wait(void)
{
	if (system_kind() != SYSTEM_SYSTEMD)
		return;
	wait_for_bus();
	pid_t pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);
		for (int i = 0; i < 3; i++)
			dup2(null, i);
		system_exec_state(true);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Such an init turns the power off, which Firecracker does not notice; so it is told to restart, and the host what was meant. */
static void end_other(bool reboot_wanted)
{
	static const char *const programs[] = { "/sbin/reboot", "/usr/sbin/reboot", "/bin/reboot" };
	struct err e = { 0 };

	if (hello_leave(reboot_wanted ? "reboot" : "poweroff", LEAVE_MS, &e) < 0)
		say("the host was not told: %s", e.msg);
	for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
		char *argv[] = { (char *)(uintptr_t)programs[i], NULL };
		execv(programs[i], argv);
	}
	sync();
	reboot(RB_AUTOBOOT);
}

void system_end(bool reboot_wanted)
{
	switch (system_kind()) {
	case SYSTEM_SYSTEMD:
		kill(1, reboot_wanted ? SYSTEM_SIG_REBOOT : SYSTEM_SIG_POWEROFF);
		break;
	case SYSTEM_BANGER:
		kill(1, reboot_wanted ? SIGTERM : SIGUSR2);
		break;
	case SYSTEM_OTHER:
		end_other(reboot_wanted);
		break;
	}
}
