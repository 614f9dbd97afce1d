/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "init/power.h"

#include <sys/reboot.h>
#include <unistd.h>

#include "agent/hello.h"
#include "agent/say.h"
#include "base/str.h"

enum { LEAVE_MS = 2000 };

void power_reset(const char *action)
{
	struct err e = { 0 };

	/* the last line of the console, where people look first */
	say_console("%s", str_eq(action, "poweroff") ? "powered off" : str_eq(action, "reboot") ? "restarting" : "resetting");
	if (hello_leave(action, LEAVE_MS, &e) < 0)
		say("%s: the host was not told: %s", action, e.msg);
	sync();
	reboot(RB_AUTOBOOT);
	/* without the right to: PID 1's end is a panic, which resets as well (panic=1) */
	_exit(1);
}

void power_systemd_step(const char *action)
{
	if (str_eq(action, "poweroff") || str_eq(action, "halt"))
		power_reset("poweroff");
	if (str_eq(action, "reboot"))
		power_reset("reboot");
}
