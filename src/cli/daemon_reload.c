/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/auto.h"
#include "base/fd.h"
#include "cli/client.h"
#include "cli/table.h"

enum { RELOAD_MS = 10000 };

struct daemon_reload {
	bool json;
};

static bool waits(const struct daemon_reload_out *out, const char *key)
{
	for (size_t i = 0; i < out->n_needs_restart; i++)
		if (str_eq(out->needs_restart[i], key))
			return true;
	return false;
}

static MUST int reload(const struct daemon_reload *o, struct err *e)
{
	AUTO_DONE(daemon_reload_out_done) struct daemon_reload_out out = { 0 };
	AUTO(varlink_client_free) struct varlink_client *c = NULL;

	if (client_connect_running(&c, e) < 0)
		return -1;
	varlink_client_set_deadline(c, time_now_ms() + RELOAD_MS);
	if (call_daemon_reload(c, NULL, &out, e) < 0)
		return err_wrap(e, "reload");
	if (o->json)
		table_json(&daemon_reload_out_type, &out);
	for (size_t i = 0; !o->json && i < out.n_keys; i++)
		printf("%s%s\n", out.keys[i], waits(&out, out.keys[i]) ? " (waits for the next start of the daemon)" : "");
	return 0;
}

static int run(const void *in, void *cx)
{
	struct err e = { 0 };

	return reload(in, &e) < 0 ? cli_fail(&e, 1) : 0;
}

static const struct opt opts[] = { CLI_JSON(struct daemon_reload), { 0 } };
const struct opt_command cli_daemon_reload = {
	.name = "reload",
	.brief = "read config.toml again",
	.about = "Makes the daemon read config.toml again and prints the keys whose values have changed. A file that is wrong changes nothing.",
	.opts = opts,
	.in_size = sizeof(struct daemon_reload),
	.run = run,
};
