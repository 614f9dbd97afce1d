/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/auto.h"
#include "cli/client.h"

struct daemon_stop {
	bool force;
};

static int run(const void *in, void *cx)
{
	const struct daemon_stop *o = in;
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	struct err e = { 0 };

	if (client_connect_running(&c, &e) < 0)
		return e.code == ERR_NOT_FOUND ? 0 : cli_fail(&e, 1);
	return client_stop_daemon(c, o->force, &e) < 0 ? cli_fail(&e, 1) : 0;
}

static const struct opt opts[] = {
	{ 'f', "force", OPT_FLAG, offsetof(struct daemon_stop, force), NULL,
		"even while a job runs; the next daemon heals what that leaves" },
	{ 0 },
};
const struct opt_command cli_daemon_stop = {
	.name = "stop",
	.brief = "end the daemon; VMs go on running",
	.opts = opts,
	.in_size = sizeof(struct daemon_stop),
	.run = run,
};
