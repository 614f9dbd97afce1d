/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <time.h>

#include "base/auto.h"
#include "base/fd.h"
#include "cli/client.h"
#include "proto/io_banger_agent.h"

enum { PING_MS = 5000 };

struct vm_ping {
	const char *vm;
};

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static MUST int ping(struct cli *cli, const struct vm_ping *o, struct err *e)
{
	AUTO_DONE(ping_out_done) struct ping_out out = { 0 };
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	AUTO(varlink_client_free) struct varlink_client *agent = NULL;
	double before;

	if (client_connect(cli, &c, e) < 0 || client_connect_agent(c, o->vm, &agent, e) < 0)
		return -1;
	varlink_client_set_deadline(agent, time_now_ms() + PING_MS);
	before = now_ms();
	if (call_ping(agent, NULL, &out, e) < 0)
		return err_wrap(e, "ping '%s'", o->vm);
	printf("%s answers in %.2f ms (agent %.12s)\n", o->vm, now_ms() - before, out.build);
	return 0;
}

static int run(const void *in, void *cx)
{
	struct err e = { 0 };

	return ping(cx, in, &e) < 0 ? cli_fail(&e, 1) : 0;
}

static const struct opt_arg args[] = { { "VM", offsetof(struct vm_ping, vm), .words = CLI_WORDS_VM }, { 0 } };
const struct opt_command cli_vm_ping = {
	.name = "ping",
	.brief = "whether the agent in a VM answers, and how fast",
	.args = args,
	.in_size = sizeof(struct vm_ping),
	.run = run,
};
