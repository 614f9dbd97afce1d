/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <time.h>

#include "base/auto.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/table.h"

struct image_show {
	const char *image;
	bool json;
};

static void print_fields(const struct image_info *image)
{
	AUTO_DONE(table_done) struct table t = { 0 };
	AUTO_DONE(str_done) struct str vms = STR_INIT;
	char size[16], age[32];

	for (size_t i = 0; i < image->n_vms; i++)
		str_addf(&vms, "%s%s", i ? " " : "", image->vms[i]);
	table_field(&t, "name", image->name);
	table_field(&t, "id", image->id);
	table_field(&t, "state", image_state_text(image->state));
	table_field(&t, "reason", image->reason);
	table_field(&t, "os", image->os);
	table_field(&t, "init", image->has_init ? "its own" : "banger-init");
	table_field(&t, "kernel", image->kernel);
	table_field(&t, "used", str_bytes((uint64_t)image->used_bytes, size));
	table_field(&t, "size", str_bytes((uint64_t)image->size_bytes, size));
	table_field(&t, "source", image->source);
	table_field(&t, "digest", image->digest);
	table_field(&t, "vms", vms.data);
	table_field(&t, "created", table_age(image->created_at, (int64_t)time(NULL), age));
	table_print(&t);
}

static MUST int show(struct cli *cli, const struct image_show *o, struct err *e)
{
	AUTO_DONE(image_show_out_done) struct image_show_out out = { 0 };
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	AUTO_MEM char *name = mem_strdup(o->image);
	struct image_show_in in = { .image = name };

	if (client_connect(cli, &c, e) < 0 || call_image_show(c, &in, &out, e) < 0)
		return -1;
	if (o->json)
		table_json(&image_info_type, &out.image);
	else
		print_fields(&out.image);
	return 0;
}

static int run(const void *in, void *cx)
{
	struct err e = { 0 };

	return show(cx, in, &e) < 0 ? cli_fail(&e, 1) : 0;
}

static const struct opt opts[] = { CLI_JSON(struct image_show), { 0 } };
static const struct opt_arg args[] = { { "IMAGE", offsetof(struct image_show, image), .words = CLI_WORDS_IMAGE },
	{ 0 } };
const struct opt_command cli_image_show = {
	.name = "show",
	.brief = "everything about one image",
	.opts = opts,
	.args = args,
	.in_size = sizeof(struct image_show),
	.run = run,
};
