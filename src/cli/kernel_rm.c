/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/auto.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/progress.h"

struct kernel_delete {
	struct opt_list kernels;
};

static MUST int delete_one(struct cli *cli, struct varlink_client *c, const char *kernel, struct err *e)
{
	AUTO_MEM char *name = mem_strdup(kernel);
	struct kernel_delete_in in = { .kernel = name };
	struct progress_view view = progress_begin(cli, NULL);

	if (progress_call(c, &kernel_delete_method, &in, &view, NULL, e) < 0)
		return -1;
	printf("%s\n", kernel);
	return 0;
}

static int run(const void *in, void *cx)
{
	const struct kernel_delete *o = in;
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	struct err e = { 0 };
	int status = 0;

	if (client_connect(cx, &c, &e) < 0)
		return cli_fail(&e, 1);
	for (size_t i = 0; i < o->kernels.n; i++) {
		if (delete_one(cx, c, o->kernels.items[i], &e) < 0)
			status = cli_fail(&e, 1);
		err_clear(&e);
	}
	return status;
}

static const struct opt_arg args[] = {
	{ "KERNEL", offsetof(struct kernel_delete, kernels), .many = true, .words = CLI_WORDS_KERNEL }, { 0 }
};
const struct opt_command cli_kernel_rm = {
	.name = "rm",
	.brief = "remove kernels that no VM or image uses",
	.args = args,
	.in_size = sizeof(struct kernel_delete),
	.run = run,
};
