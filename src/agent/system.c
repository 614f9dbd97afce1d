/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/system.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/files.h"
#include "agent/hello.h"
#include "agent/say.h"
#include "agent/systemd_state.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/str.h"

#define NOTE AGENT_RUN_DIR "/init"

enum { LEAVE_MS = 2000, STATE_MS = 2000, RUNIT_MAX = 60 };

static bool same_program(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Of a guest that booted without banger's initrd. */
static enum system_kind kind_by_process(void)
{
	AUTO_MEM char *name = NULL;
	struct err ignored = { 0 }; /* a kernel thread has no exe, and PID 1 is none */

	if (same_program("/proc/1/exe", "/proc/self/exe"))
		return SYSTEM_BANGER;
	if (fd_read_file(AT_FDCWD, "/proc/1/comm", 64, &name, NULL, &ignored) < 0)
		return SYSTEM_OTHER;
	return str_eq(name, "systemd\n") ? SYSTEM_SYSTEMD : SYSTEM_OTHER;
}

int system_note_init(const char *init, struct err *e)
{
	AUTO_MEM char *real = init ? realpath(init, NULL) : NULL;
	const char *kind = !init ? "none" : real && str_ends(real, "/systemd") ? "systemd" : "other";

	if (files_make_dirs(AGENT_RUN_DIR, e) < 0)
		return -1;
	return files_write(NOTE, kind, 0644, e);
}

enum system_kind system_kind(void)
{
	AUTO_MEM char *note = NULL;
	struct err ignored = { 0 };

	if (fd_read_file(AT_FDCWD, NOTE, 64, &note, NULL, &ignored) < 0)
		return kind_by_process();
	return str_eq(note, "none") ? SYSTEM_BANGER : str_eq(note, "systemd") ? SYSTEM_SYSTEMD : SYSTEM_OTHER;
}

const char *system_state(void)
{
	static const char *const known[] = { "running", "degraded", "stopping" };
	char state[DBUS_STATE_MAX];
	struct err ignored = { 0 }; /* before systemd listens it is starting, too */

	if (system_kind() != SYSTEM_SYSTEMD)
		return "none";
	if (dbus_systemd_state(DBUS_SYSTEMD, false, time_now_ms() + STATE_MS, state, &ignored) == 0)
		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			if (str_eq(state, known[i]))
				return known[i];
	return "starting";
}

void system_wait(void)
{
	char state[DBUS_STATE_MAX];
	struct err e = { 0 };

	if (system_kind() == SYSTEM_SYSTEMD && dbus_systemd_booted("/run", state, &e) < 0)
		say("the end of systemd's boot was not seen: %s", e.msg);
}

/* The first of these that there is. Returns only where there is none. */
static void execute_reboot(void)
{
	static const char *const programs[] = { "/sbin/reboot", "/usr/sbin/reboot", "/bin/reboot" };

	for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
		char *argv[] = { (char *)(uintptr_t)programs[i], NULL };
		execv(programs[i], argv);
	}
}

/* Runit loses what it is told before its second stage, whose beginning is no event: it is told again. */
static void tell_runit(void)
{
	for (int i = 0; i < RUNIT_MAX; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			execute_reboot();
			_exit(127);
		}
		sleep(1);
	}
}

/* Such an init turns the power off, which Firecracker does not notice; so it is told to restart, and the host what was meant. */
static void end_other(bool reboot_wanted)
{
	AUTO_MEM char *name = NULL;
	struct err e = { 0 };

	if (hello_leave(reboot_wanted ? "reboot" : "poweroff", LEAVE_MS, &e) < 0)
		say("the host was not told: %s", e.msg);
	err_clear(&e);
	if (fd_read_file(AT_FDCWD, "/proc/1/comm", 64, &name, NULL, &e) == 0 && str_eq(name, "runit\n"))
		tell_runit();
	execute_reboot();
	sync();
	reboot(RB_AUTOBOOT);
}

void system_end(bool reboot_wanted)
{
	switch (system_kind()) {
	case SYSTEM_SYSTEMD:
		dbus_systemd_there("/run"); /* before that it does not hear signals */
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
