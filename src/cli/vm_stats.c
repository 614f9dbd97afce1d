/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "cli/client.h"
#include "cli/table.h"

/* Two readings that far apart give the first rates. */
enum { FIRST_MS = 500, INTERVAL_S = 2 };

struct vm_stats_options {
	struct opt_list vms;
	bool json, watch;
	int64_t interval_s;
};

struct reading {
	struct varlink_client *client;
	struct vm_stats_in in;
	struct vm_stats_out now, before;
};

static const struct vm_usage *find(const struct vm_stats_out *in, const char *id)
{
	for (size_t i = 0; i < in->n_stats; i++)
		if (str_eq(in->stats[i].id, id))
			return &in->stats[i];
	return NULL;
}

/* Per second of the time between both readings; "-" where one lacks the counter, or it began anew. */
static void rate_cell(struct table *t, bool has, int64_t now, int64_t before, int64_t ms)
{
	char size[16];

	if (!has || now < before || ms <= 0)
		table_add(t, NULL);
	else
		table_addf(t, "%s/s", str_bytes((uint64_t)((now - before) * 1000 / ms), size));
}

static void add_row(struct table *t, const struct vm_usage *s, const struct vm_usage *b)
{
	char a[16], c[16];
	int64_t ms = b ? s->at_ms - b->at_ms : 0;

	table_add(t, s->name);
	table_add(t, vm_state_text(s->state));
	if (s->has_cpu_ms && b && b->has_cpu_ms && ms > 0 && s->cpu_ms >= b->cpu_ms)
		table_addf(t, "%.1f%%", (double)(s->cpu_ms - b->cpu_ms) * 100 / (double)ms);
	else
		table_add(t, NULL);
	if (s->has_memory_bytes)
		table_addf(t, "%s / %s", str_bytes((uint64_t)s->memory_bytes, a), str_bytes((uint64_t)s->memory_mib << 20, c));
	else
		table_add(t, NULL);
	table_addf(t, "%s / %s", str_bytes((uint64_t)s->root_bytes, a), str_bytes((uint64_t)s->root_mib << 20, c));
	table_addf(t, "%s / %s", str_bytes((uint64_t)s->work_bytes, a), str_bytes((uint64_t)s->disk_mib << 20, c));
	rate_cell(t, s->has_disk_read_bytes && b && b->has_disk_read_bytes, s->disk_read_bytes, b ? b->disk_read_bytes : 0, ms);
	rate_cell(t, s->has_disk_written_bytes && b && b->has_disk_written_bytes, s->disk_written_bytes, b ? b->disk_written_bytes : 0, ms);
	rate_cell(t, s->has_net_received_bytes && b && b->has_net_received_bytes, s->net_received_bytes, b ? b->net_received_bytes : 0, ms);
	rate_cell(t, s->has_net_sent_bytes && b && b->has_net_sent_bytes, s->net_sent_bytes, b ? b->net_sent_bytes : 0, ms);
}

static void print_reading(const struct reading *r, bool json)
{
	static const char *const headers[] = { "NAME", "STATE", "CPU", "MEMORY", "ROOT", "WORK", "READ", "WRITTEN", "RECEIVED", "SENT", NULL };
	AUTO_DONE(table_done) struct table t;

	if (json) {
		table_json_list(&vm_usage_type, r->now.stats, r->now.n_stats);
		return;
	}
	table_init(&t, headers);
	for (size_t i = 0; i < r->now.n_stats; i++)
		add_row(&t, &r->now.stats[i], find(&r->before, r->now.stats[i].id));
	table_print(&t);
}

static MUST int take_reading(struct reading *r, struct err *e)
{
	vm_stats_out_done(&r->before);
	r->before = r->now;
	r->now = (struct vm_stats_out){ 0 };
	return call_vm_stats(r->client, &r->in, &r->now, e);
}

/* The time between readings; a signal ends it, and with it the command. */
static bool pause_for(int64_t ms)
{
	struct err ignored = { 0 }; /* the end of the time is what is waited for */

	(void)!fd_wait(-1, 0, time_now_ms() + ms, &ignored);
	return !proc_cancelled();
}

static MUST int watch(struct reading *r, const struct vm_stats_options *o, struct err *e)
{
	bool screen = isatty(STDOUT_FILENO) && !o->json;

	proc_catch_cancel();
	do {
		if (take_reading(r, e) < 0)
			return -1;
		if (screen)
			fputs("\033[H\033[J", stdout);
		print_reading(r, o->json);
		fflush(stdout);
	} while (!ferror(stdout) && pause_for((o->interval_s ? o->interval_s : INTERVAL_S) * 1000));
	return 0;
}

static MUST int stats(struct cli *cli, const struct vm_stats_options *o, struct err *e)
{
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	struct reading r = { 0 };
	int rc;

	if (client_connect(cli, &c, e) < 0)
		return -1;
	r.client = c;
	r.in.vms = mem_array(o->vms.n, sizeof(*r.in.vms));
	for (size_t i = 0; i < o->vms.n; i++)
		r.in.vms[r.in.n_vms++] = mem_strdup(o->vms.items[i]);
	rc = take_reading(&r, e);
	if (rc == 0 && (o->watch || !o->json))
		rc = pause_for(FIRST_MS) ? (o->watch ? watch(&r, o, e) : take_reading(&r, e)) : 0;
	if (rc == 0 && !o->watch)
		print_reading(&r, o->json);
	vm_stats_in_done(&r.in);
	vm_stats_out_done(&r.now);
	vm_stats_out_done(&r.before);
	return rc;
}

static int run(const void *in, void *cx)
{
	struct err e = { 0 };

	return stats(cx, in, &e) < 0 ? cli_fail(&e, 1) : 0;
}

static const struct opt opts[] = {
	CLI_JSON(struct vm_stats_options),
	{ 'w', "watch", OPT_FLAG, offsetof(struct vm_stats_options, watch), NULL, "print again and again, until interrupted" },
	{ 0, "interval", OPT_INT, offsetof(struct vm_stats_options, interval_s), "SECONDS", "time between two readings (default 2)", 1, 3600 },
	{ 0 },
};
static const struct opt_arg args[] = { { "VM", offsetof(struct vm_stats_options, vms), .optional = true, .many = true, .words = CLI_WORDS_VM }, { 0 } };
static const char *const examples[] = {
	"banger vm stats",
	"banger vm stats web --watch",
	"banger vm stats --json",
	NULL,
};
const struct opt_command cli_vm_stats = {
	.name = "stats",
	.brief = "processor, memory, disk and network that VMs use",
	.about = "What VMs use of this host: processor time (100% is one processor), resident memory, what the changes to the root and the work disk take, "
		 "bytes per second to and from disk and network. With --json the plain counters, since the VM's start.",
	.examples = examples,
	.opts = opts,
	.args = args,
	.in_size = sizeof(struct vm_stats_options),
	.run = run,
};
