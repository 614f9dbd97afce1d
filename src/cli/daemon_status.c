/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <time.h>

#include "base/auto.h"
#include "base/build.h"
#include "base/fd.h"
#include "cli/client.h"
#include "cli/table.h"
#include "store/layout.h"

enum { STATUS_MS = 10000 };

struct daemon_status {
	bool json;
};

static void print_fields(const struct daemon_status_out *s)
{
	AUTO_DONE(table_done) struct table t = { 0 };
	AUTO_MEM char *log = layout_log();
	char text[200], age[32];

	snprintf(text, sizeof(text), "%" PRId64, s->pid);
	table_field(&t, "process", text);
	table_field(&t, "version", s->version);
	snprintf(text, sizeof(text), "%s (%s)", s->build,
		str_eq(s->build, build_id()) ? "same as this command" : "another than this command");
	table_field(&t, "build", text);
	table_field(&t, "started", table_age(s->started_at, (int64_t)time(NULL), age));
	table_field(&t, "socket", s->socket);
	table_field(&t, "state", s->state_dir);
	table_field(&t, "log", log);
	snprintf(text, sizeof(text), "%" PRId64, s->helper_pid);
	table_field(&t, "helper process", s->has_helper_pid ? text : "none");
	table_field(&t, "answers for .vm", s->dns ? s->dns : s->dns_reason ? s->dns_reason : "no");
	table_field(&t, "can make networks", s->network ? "yes" : "no");
	table_field(&t, "holds VMs in", s->confinement ? s->confinement : "-");
	snprintf(text, sizeof(text), "%" PRId64, s->descriptors);
	table_field(&t, "descriptors", text);
	for (size_t i = 0; i < s->n_defaults; i++) {
		snprintf(text, sizeof(text), "%s (%s)", *s->defaults[i].value ? s->defaults[i].value : "-",
			s->defaults[i].source);
		table_field(&t, s->defaults[i].name, text);
	}
	for (size_t i = 0; i < s->n_jobs; i++) {
		snprintf(text, sizeof(text), "%s %s '%s'%s%s", s->jobs[i].operation, s->jobs[i].method,
			s->jobs[i].object, s->jobs[i].stage ? ": " : "", s->jobs[i].stage ? s->jobs[i].stage : "");
		table_field(&t, "job", text);
	}
	table_print(&t);
}

static MUST int status(const struct daemon_status *o, struct err *e)
{
	AUTO_DONE(daemon_status_out_done) struct daemon_status_out out = { 0 };
	AUTO(varlink_client_free) struct varlink_client *c = NULL;

	if (client_connect_running(&c, e) < 0)
		return -1;
	varlink_client_set_deadline(c, time_now_ms() + STATUS_MS);
	if (call_daemon_status(c, NULL, &out, e) < 0)
		return -1;
	if (o->json)
		table_json(&daemon_status_out_type, &out);
	else
		print_fields(&out);
	return 0;
}

static int run(const void *in, void *cx)
{
	struct err e = { 0 };

	return status(in, &e) < 0 ? cli_fail(&e, 1) : 0;
}

static const struct opt opts[] = { CLI_JSON(struct daemon_status), { 0 } };
const struct opt_command cli_daemon_status = {
	.name = "status",
	.brief = "which daemon runs, its settings and its jobs",
	.opts = opts,
	.in_size = sizeof(struct daemon_status),
	.run = run,
};
