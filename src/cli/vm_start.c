/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/auto.h"
#include "base/mem.h"
#include "cli/many.h"

struct vm_start {
	struct opt_list vms;
};

static int act(struct varlink_client *c, const char *vm, struct progress_view *v, const void *arg, char **ret_text,
	struct err *e)
{
	AUTO_DONE(vm_start_out_done) struct vm_start_out out = { 0 };
	AUTO_MEM char *name = mem_strdup(vm);
	struct vm_start_in in = { .vm = name };

	if (progress_call(c, &vm_start_method, &in, v, &out, e) < 0)
		return -1;
	cli_warn(out.warning);
	*ret_text = mem_strdup(out.vm ? out.vm->name : vm);
	return 0;
}

static int run(const void *in, void *cx)
{
	const struct vm_start *o = in;

	return many_run(cx, &o->vms, act, o);
}

static const struct opt_arg args[] = { { "VM", offsetof(struct vm_start, vms), .many = true, .words = CLI_WORDS_VM },
	{ 0 } };
static const char *const examples[] = {
	"banger vm start web",
	"banger vm start web db",
	NULL,
};
const struct opt_command cli_vm_start = {
	.name = "start",
	.brief = "boot VMs that are stopped or only created",
	.about = "Boots VMs and waits until each can run commands. Several boot at once.",
	.examples = examples,
	.args = args,
	.in_size = sizeof(struct vm_start),
	.run = run,
};
