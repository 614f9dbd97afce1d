/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>

#include "base/auto.h"
#include "base/fd.h"
#include "cli/client.h"
#include "cli/table.h"
#include "proto/io_banger_agent.h"

enum { HEALTH_MS = 10000 };

struct vm_health {
	const char *vm;
	bool json;
};

static void print_fields(const struct health_out *h)
{
	AUTO_DONE(table_done) struct table t = { 0 };
	char text[64], free_text[16], total_text[16];

	snprintf(text, sizeof(text), "%.1f s", (double)h->uptime_ms / 1e3);
	table_field(&t, "up", text);
	table_field(&t, "system", h->system);
	snprintf(text, sizeof(text), "%.2f", h->load_1min);
	table_field(&t, "load", text);
	snprintf(text, sizeof(text), "%s of %s", str_bytes((uint64_t)h->memory_available_kib << 10, free_text),
		str_bytes((uint64_t)h->memory_total_kib << 10, total_text));
	table_field(&t, "memory free", text);
	table_field(&t, "root free", str_bytes((uint64_t)h->root_free_kib << 10, free_text));
	snprintf(text, sizeof(text), "%" PRId64, h->processes);
	table_field(&t, "processes", text);
	snprintf(text, sizeof(text), "%" PRId64, h->execs);
	table_field(&t, "commands", text);
	snprintf(text, sizeof(text), "%" PRId64, h->ssh_sessions);
	table_field(&t, "ssh sessions", h->has_ssh_sessions ? text : NULL);
	table_field(&t, "agent", h->build);
	table_print(&t);
}

static MUST int health(struct cli *cli, const struct vm_health *o, struct err *e)
{
	AUTO_DONE(health_out_done) struct health_out out = { 0 };
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	AUTO(varlink_client_free) struct varlink_client *agent = NULL;

	if (client_connect(cli, &c, e) < 0 || client_connect_agent(c, o->vm, &agent, e) < 0)
		return -1;
	varlink_client_set_deadline(agent, time_now_ms() + HEALTH_MS);
	if (call_health(agent, NULL, &out, e) < 0)
		return err_wrap(e, "ask '%s'", o->vm);
	if (o->json)
		table_json(&health_out_type, &out);
	else
		print_fields(&out);
	return 0;
}

static int run(const void *in, void *cx)
{
	struct err e = { 0 };

	return health(cx, in, &e) < 0 ? cli_fail(&e, 1) : 0;
}

static const struct opt opts[] = { CLI_JSON(struct vm_health), { 0 } };
static const struct opt_arg args[] = { { "VM", offsetof(struct vm_health, vm), .words = CLI_WORDS_VM }, { 0 } };
const struct opt_command cli_vm_health = {
	.name = "health",
	.brief = "load, memory, disk and boot state inside a VM",
	.opts = opts,
	.args = args,
	.in_size = sizeof(struct vm_health),
	.run = run,
};
