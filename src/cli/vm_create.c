/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/auto.h"
#include "cli/client.h"
#include "cli/table.h"
#include "cli/vm_new.h"

struct vm_create {
	struct vm_new new;
	bool no_start, json;
};

static MUST int create(struct cli *cli, const struct vm_create *o, struct err *e)
{
	AUTO_DONE(vm_create_in_done) struct vm_create_in in = { 0 };
	AUTO_DONE(vm_create_out_done) struct vm_create_out out = { 0 };
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	struct progress_view view = progress_begin(cli, NULL);

	if (vm_new_request(cli, &o->new, &in, e) < 0)
		return -1;
	in.start = !o->no_start;
	in.has_start = true;
	if (client_connect(cli, &c, e) < 0 || vm_new_create(cli, c, &in, &out, e) < 0)
		return -1;
	if (o->no_start)
		progress_note(&view, "created");
	else
		progress_note(
			&view, "ready%s%s", out.vm->address ? " at " : "", out.vm->address ? out.vm->address : "");
	if (o->json)
		table_json(&vm_info_type, out.vm);
	else
		printf("%s\n", out.vm->name);
	return 0;
}

static int run(const void *in, void *cx)
{
	struct err e = { 0 };

	return create(cx, in, &e) < 0 ? cli_fail(&e, 1) : 0;
}

static const struct opt opts[] = {
	VM_NEW_OPTS(struct vm_create, new),
	{ 0, "no-start", OPT_FLAG, offsetof(struct vm_create, no_start), NULL, "make it without booting it" },
	CLI_JSON(struct vm_create),
	{ 0 },
};
static const char *const examples[] = {
	"banger vm create",
	"banger vm create --name web --nat --memory 4G",
	"banger vm create --name later --no-start",
	NULL,
};
const struct opt_command cli_vm_create = {
	.name = "create",
	.brief = "make a VM and boot it",
	.about = "Makes a VM and boots it; waits until it can run commands. Prints its name.",
	.examples = examples,
	.opts = opts,
	.in_size = sizeof(struct vm_create),
	.run = run,
};
