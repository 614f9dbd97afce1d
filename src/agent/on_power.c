/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sync, Poweroff and Reboot. */
#include <unistd.h>

#include "agent/aside.h"
#include "agent/system.h"
#include "proto/io_banger_agent.h"

static void do_sync(void *arg)
{
	sync();
}

static void synced(const char *output, void *arg)
{
	reply_sync(arg, &(struct sync_out){ 0 });
}

int on_sync(struct varlink_call *call, const struct sync_in *in, struct sync_out *ret, struct err *e)
{
	return aside_run(varlink_call_server_context(call), do_sync, synced, call, e) < 0 ? -1 : VARLINK_LATER;
}

static void end_poweroff(void *arg)
{
	system_end(false);
}

static void end_reboot(void *arg)
{
	system_end(true);
}

static void ignore(const char *output, void *arg)
{
}

/* The reply goes first: the init may end this process at once. */
int on_poweroff(struct varlink_call *call, const struct poweroff_in *in, struct poweroff_out *ret, struct err *e)
{
	struct loop *loop = varlink_call_server_context(call);
	struct err late = { 0 };

	reply_poweroff(call, &(struct poweroff_out){ 0 });
	if (aside_run(loop, end_poweroff, ignore, NULL, &late) < 0)
		end_poweroff(NULL);
	return VARLINK_LATER;
}

int on_reboot(struct varlink_call *call, const struct reboot_in *in, struct reboot_out *ret, struct err *e)
{
	struct loop *loop = varlink_call_server_context(call);
	struct err late = { 0 };

	reply_reboot(call, &(struct reboot_out){ 0 });
	if (aside_run(loop, end_reboot, ignore, NULL, &late) < 0)
		end_reboot(NULL);
	return VARLINK_LATER;
}
