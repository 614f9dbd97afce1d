/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sync, Poweroff and Reboot. */
#include <unistd.h>

#include "agent/aside.h"
#include "agent/system.h"
#include "base/loop.h"
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

static void begin_end(struct loop *loop, void (*end)(void *arg))
{
	struct err late = { 0 }; /* the reply is out; without a process of its own it takes this one */

	if (aside_run(loop, end, ignore, NULL, &late) < 0)
		end(NULL);
}

static void begin_poweroff(struct loop *loop, void *arg)
{
	begin_end(loop, end_poweroff);
}

static void begin_reboot(struct loop *loop, void *arg)
{
	begin_end(loop, end_reboot);
}

/* The init may end this process at once, so both begin at the end of the loop's turn: the reply goes out before. */
int on_poweroff(struct varlink_call *call, const struct poweroff_in *in, struct poweroff_out *ret, struct err *e)
{
	loop_defer(varlink_call_server_context(call), begin_poweroff, NULL);
	return 0;
}

int on_reboot(struct varlink_call *call, const struct reboot_in *in, struct reboot_out *ret, struct err *e)
{
	loop_defer(varlink_call_server_context(call), begin_reboot, NULL);
	return 0;
}
