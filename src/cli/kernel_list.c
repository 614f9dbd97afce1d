/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <time.h>

#include "base/auto.h"
#include "cli/client.h"
#include "cli/table.h"

struct kernel_list {
	bool json, names;
};

static void print_table(const struct kernel_list_out *out)
{
	static const char *const headers[] = { "NAME", "STATE", "RELEASE", "SIZE", "MODULES", "IMAGES", "VMS",
		"CREATED", NULL };
	AUTO_DONE(table_done) struct table t;
	int64_t now = (int64_t)time(NULL);
	char size[16], age[32];

	table_init(&t, headers);
	for (size_t i = 0; i < out->n_kernels; i++) {
		const struct kernel_info *kernel = &out->kernels[i];

		table_add(&t, kernel->name);
		table_add(&t, image_state_text(kernel->state));
		table_add(&t, kernel->release);
		table_add(&t, str_bytes((uint64_t)kernel->size_bytes, size));
		table_add(&t, kernel->has_modules ? "yes" : "no");
		table_addf(&t, "%zu", kernel->n_images);
		table_addf(&t, "%zu", kernel->n_vms);
		table_add(&t, table_age(kernel->created_at, now, age));
	}
	table_print(&t);
}

static MUST int list(struct cli *cli, const struct kernel_list *o, struct err *e)
{
	AUTO_DONE(kernel_list_out_done) struct kernel_list_out out = { 0 };
	AUTO(varlink_client_free) struct varlink_client *c = NULL;

	if (client_connect(cli, &c, e) < 0 || call_kernel_list(c, NULL, &out, e) < 0)
		return -1;
	if (o->json)
		table_json_list(&kernel_info_type, out.kernels, out.n_kernels);
	else if (!o->names)
		print_table(&out);
	for (size_t i = 0; o->names && !o->json && i < out.n_kernels; i++)
		printf("%s\n", out.kernels[i].name);
	return 0;
}

static int run(const void *in, void *cx)
{
	struct err e = { 0 };

	return list(cx, in, &e) < 0 ? cli_fail(&e, 1) : 0;
}

static const struct opt opts[] = {
	CLI_JSON(struct kernel_list),
	{ 0, "names", OPT_FLAG, offsetof(struct kernel_list, names), NULL, "print only the names" },
	{ 0 },
};
const struct opt_command cli_kernel_list = {
	.name = "list",
	.brief = "list kernels",
	.opts = opts,
	.in_size = sizeof(struct kernel_list),
	.run = run,
};
