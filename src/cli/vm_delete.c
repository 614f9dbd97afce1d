/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/auto.h"
#include "base/mem.h"
#include "cli/many.h"

struct vm_delete {
	struct opt_list vms;
	bool force;
};

static int act(struct varlink_client *c, const char *vm, struct progress_view *v, const void *arg, char **ret_text,
	struct err *e)
{
	const struct vm_delete *o = arg;
	AUTO_DONE(vm_delete_out_done) struct vm_delete_out out = { 0 };
	AUTO_MEM char *name = mem_strdup(vm);
	struct vm_delete_in in = { .vm = name, .force = o->force, .has_force = o->force };

	if (progress_call(c, &vm_delete_method, &in, v, &out, e) < 0)
		return -1;
	*ret_text = mem_strdup(vm);
	return 0;
}

static int run(const void *in, void *cx)
{
	const struct vm_delete *o = in;

	return many_run(cx, &o->vms, act, o);
}

static const struct opt opts[] = {
	{ 'f', "force", OPT_FLAG, offsetof(struct vm_delete, force), NULL, "also VMs that run" },
	{ 0 },
};
static const struct opt_arg args[] = { { "VM", offsetof(struct vm_delete, vms), .many = true, .words = CLI_WORDS_VM },
	{ 0 } };
static const char *const examples[] = {
	"banger vm delete web",
	"banger vm delete -f web db",
	NULL,
};
const struct opt_command cli_vm_delete = {
	.name = "delete",
	.brief = "remove VMs with their disks, for good",
	.about = "Removes VMs with their disks. This cannot be undone.",
	.examples = examples,
	.opts = opts,
	.args = args,
	.in_size = sizeof(struct vm_delete),
	.run = run,
};
