/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <time.h>

#include "base/auto.h"
#include "cli/client.h"
#include "cli/table.h"

struct image_list {
	bool json, names;
};

static void print_table(const struct image_list_out *out)
{
	static const char *const headers[] = { "NAME", "STATE", "USED", "SIZE", "KERNEL", "VMS", "OS", "CREATED",
		NULL };
	AUTO_DONE(table_done) struct table t;
	int64_t now = (int64_t)time(NULL);
	char size[16], age[32];

	table_init(&t, headers);
	for (size_t i = 0; i < out->n_images; i++) {
		const struct image_info *image = &out->images[i];

		table_add(&t, image->name);
		table_add(&t, image_state_text(image->state));
		table_add(&t, str_bytes((uint64_t)image->used_bytes, size));
		table_add(&t, str_bytes((uint64_t)image->size_bytes, size));
		table_add(&t, image->kernel);
		table_addf(&t, "%zu", image->n_vms);
		table_add(&t, image->os);
		table_add(&t, table_age(image->created_at, now, age));
	}
	table_print(&t);
}

static MUST int list(struct cli *cli, const struct image_list *o, struct err *e)
{
	AUTO_DONE(image_list_out_done) struct image_list_out out = { 0 };
	AUTO(varlink_client_free) struct varlink_client *c = NULL;

	if (client_connect(cli, &c, e) < 0 || call_image_list(c, NULL, &out, e) < 0)
		return -1;
	if (o->json)
		table_json_list(&image_info_type, out.images, out.n_images);
	else if (!o->names)
		print_table(&out);
	for (size_t i = 0; o->names && !o->json && i < out.n_images; i++)
		printf("%s\n", out.images[i].name);
	return 0;
}

static int run(const void *in, void *cx)
{
	struct err e = { 0 };

	return list(cx, in, &e) < 0 ? cli_fail(&e, 1) : 0;
}

static const struct opt opts[] = {
	CLI_JSON(struct image_list),
	{ 0, "names", OPT_FLAG, offsetof(struct image_list, names), NULL, "print only the names" },
	{ 0 },
};
const struct opt_command cli_image_list = {
	.name = "list",
	.brief = "list images",
	.opts = opts,
	.in_size = sizeof(struct image_list),
	.run = run,
};
