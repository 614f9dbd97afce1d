/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "base/auto.h"
#include "base/build.h"
#include "base/json_write.h"
#include "cli/cli_internal.h"
#include "cli/table.h"
#include "install/install.h"
#include "proto/client.h"
#include "store/layout.h"

struct system_status {
	bool json;
};

static MUST int add_units(struct table *t, struct json_writer *w, bool *ret_all_up, struct err *e)
{
	char state[32];

	json_open(w, "units", '{');
	for (size_t i = 0; install_units[i]; i++) {
		if (install_unit_state(install_units[i], state, e) < 0)
			return -1;
		if (strcmp(state, "active") != 0)
			*ret_all_up = false;
		table_field(t, install_units[i], state);
		json_put_string(w, install_units[i], state);
	}
	json_close(w);
	return 0;
}

/* Without units only their sockets can be asked, which others than root and the owner cannot. */
static void add_programs(struct table *t, struct json_writer *w, bool *ret_all_up)
{
	static const struct {
		const char *name, *socket;
	} programs[] = { { "bangerd-root", LAYOUT_HELPER_RUN "/bangerd-root.sock" }, { "bangerd", LAYOUT_SYSTEM_RUN "/bangerd.sock" } };

	json_open(w, "programs", '{');
	for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
		AUTO(varlink_client_free) struct varlink_client *c = NULL;
		struct err e = { 0 };
		bool up = varlink_client_connect_now(programs[i].socket, &c, &e) == 0 || e.code == ERR_BUSY;
		const char *state = up ? "running" : e.code == ERR_DENIED ? "unknown" : "down";

		if (!up && e.code != ERR_DENIED)
			*ret_all_up = false;
		table_field(t, programs[i].name, state);
		json_put_string(w, programs[i].name, state);
	}
	json_close(w);
	table_field(t, "service manager", "this host's, as docs/system.md shows");
}

static MUST int status(bool json, bool *ret_all_up, struct err *e)
{
	AUTO_DONE(installed_done) struct installed i = { 0 };
	AUTO_DONE(table_done) struct table t = { 0 };
	AUTO_DONE(str_done) struct str text = STR_INIT;
	struct json_writer w = { .out = &text, .pretty = true };

	if (installed_load(&i, e) < 0)
		return e->code == ERR_NOT_FOUND ? err_hint(e, "banger is not installed here: sudo banger system install --owner USER") : -1;
	const struct {
		const char *name, *value;
	} rows[] = { { "owner", i.owner }, { "version", i.version }, { "build", i.build }, { "bridge", i.bridge }, { "subnet", i.subnet },
		{ "firecracker", *i.firecracker ? i.firecracker : "-" }, { "state", LAYOUT_SYSTEM_STATE } };
	json_open(&w, NULL, '{');
	for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
		table_field(&t, rows[n].name, rows[n].value);
		json_put_string(&w, rows[n].name, rows[n].value);
	}
	if (strcmp(i.build, build_id()) != 0)
		table_field(&t, "this command", build_id());
	if (i.no_service)
		add_programs(&t, &w, ret_all_up);
	else if (add_units(&t, &w, ret_all_up, e) < 0)
		return -1;
	json_close(&w);
	if (json)
		printf("%s\n", text.data);
	else
		table_print(&t);
	return 0;
}

static int run(const void *in, void *cx)
{
	const struct system_status *o = in;
	bool all_up = true;
	struct err e = { 0 };

	if (status(o->json, &all_up, &e) < 0)
		return cli_fail(&e, 1);
	return all_up ? 0 : 1;
}

static const struct opt opts[] = { CLI_JSON(struct system_status), { 0 } };
const struct opt_command cli_system_status = {
	.name = "status",
	.brief = "what is installed, and whether it runs",
	.about = "Shows the installation and its services. The exit status is 1 when a service does not run, or nothing is installed.",
	.opts = opts,
	.in_size = sizeof(struct system_status),
	.run = run,
};
