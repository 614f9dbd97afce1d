/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/auto.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/progress.h"

struct image_delete {
	struct opt_list images;
};

static MUST int delete_one(struct cli *cli, struct varlink_client *c, const char *image, struct err *e)
{
	AUTO_MEM char *name = mem_strdup(image);
	struct image_delete_in in = { .image = name };
	struct progress_view view = progress_begin(cli, NULL);

	if (progress_call(c, &image_delete_method, &in, &view, NULL, e) < 0)
		return -1;
	printf("%s\n", image);
	return 0;
}

static int run(const void *in, void *cx)
{
	const struct image_delete *o = in;
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	struct err e = { 0 };
	int status = 0;

	if (client_connect(cx, &c, &e) < 0)
		return cli_fail(&e, 1);
	for (size_t i = 0; i < o->images.n; i++) {
		if (delete_one(cx, c, o->images.items[i], &e) < 0)
			status = cli_fail(&e, 1);
		err_clear(&e);
	}
	return status;
}

static const struct opt_arg args[] = {
	{ "IMAGE", offsetof(struct image_delete, images), .many = true, .words = CLI_WORDS_IMAGE }, { 0 }
};
const struct opt_command cli_image_delete = {
	.name = "delete",
	.brief = "remove images that no VM uses",
	.args = args,
	.in_size = sizeof(struct image_delete),
	.run = run,
};
