/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <time.h>

#include "base/auto.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/table.h"

struct kernel_show {
	const char *kernel;
	bool json;
};

static void add_names(struct table *t, const char *name, char *const *names, size_t n)
{
	AUTO_DONE(str_done) struct str all = STR_INIT;

	for (size_t i = 0; i < n; i++)
		str_addf(&all, "%s%s", i ? " " : "", names[i]);
	table_field(t, name, all.data);
}

static void print_fields(const struct kernel_info *kernel)
{
	AUTO_DONE(table_done) struct table t = { 0 };
	char size[16], age[32];

	table_field(&t, "name", kernel->name);
	table_field(&t, "id", kernel->id);
	table_field(&t, "state", image_state_text(kernel->state));
	table_field(&t, "reason", kernel->reason);
	table_field(&t, "release", kernel->release);
	table_field(&t, "modules", kernel->has_modules ? "yes" : "no");
	table_field(&t, "dm-snapshot", kernel->has_snapshot ? "yes" : "no");
	table_field(&t, "boots in QEMU", kernel->has_pvh ? "yes" : "no");
	table_field(&t, "size", str_bytes((uint64_t)kernel->size_bytes, size));
	table_field(&t, "source", kernel->source);
	table_field(&t, "digest", kernel->digest);
	add_names(&t, "images", kernel->images, kernel->n_images);
	add_names(&t, "vms", kernel->vms, kernel->n_vms);
	table_field(&t, "created", table_age(kernel->created_at, (int64_t)time(NULL), age));
	table_print(&t);
}

static MUST int show(struct cli *cli, const struct kernel_show *o, struct err *e)
{
	AUTO_DONE(kernel_show_out_done) struct kernel_show_out out = { 0 };
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	AUTO_MEM char *name = mem_strdup(o->kernel);
	struct kernel_show_in in = { .kernel = name };

	if (client_connect(cli, &c, e) < 0 || call_kernel_show(c, &in, &out, e) < 0)
		return -1;
	if (o->json)
		table_json(&kernel_info_type, &out.kernel);
	else
		print_fields(&out.kernel);
	return 0;
}

static int run(const void *in, void *cx)
{
	struct err e = { 0 };

	return show(cx, in, &e) < 0 ? cli_fail(&e, 1) : 0;
}

static const struct opt opts[] = { CLI_JSON(struct kernel_show), { 0 } };
static const struct opt_arg args[] = { { "KERNEL", offsetof(struct kernel_show, kernel), .words = CLI_WORDS_KERNEL },
	{ 0 } };
const struct opt_command cli_kernel_show = {
	.name = "show",
	.brief = "everything about one kernel",
	.opts = opts,
	.args = args,
	.in_size = sizeof(struct kernel_show),
	.run = run,
};
