/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/auto.h"
#include "base/mem.h"
#include "cli/many.h"

struct vm_stop {
	struct opt_list vms;
	int64_t timeout_s;
	bool if_idle;
};

static int act(struct varlink_client *c, const char *vm, struct progress_view *v, const void *arg, char **ret_text,
	struct err *e)
{
	const struct vm_stop *o = arg;
	AUTO_DONE(vm_stop_out_done) struct vm_stop_out out = { 0 };
	AUTO_MEM char *name = mem_strdup(vm);
	struct vm_stop_in in = { .vm = name, .timeout_ms = o->timeout_s * 1000, .has_timeout_ms = o->timeout_s > 0,
		.if_idle = o->if_idle, .has_if_idle = o->if_idle };

	if (progress_call(c, &vm_stop_method, &in, v, &out, e) < 0)
		return -1;
	*ret_text = mem_strdup(out.vm ? out.vm->name : vm);
	return 0;
}

static int run(const void *in, void *cx)
{
	const struct vm_stop *o = in;

	return many_run(cx, &o->vms, act, o);
}

static const struct opt opts[] = {
	{ 't', "timeout", OPT_INT, offsetof(struct vm_stop, timeout_s), "SECONDS",
		"how long the guest may take (default 30)", 1, 3600 },
	{ 0, "if-idle", OPT_FLAG, offsetof(struct vm_stop, if_idle), NULL, "fail when something goes on in the guest" },
	{ 0 },
};
static const struct opt_arg args[] = { { "VM", offsetof(struct vm_stop, vms), .many = true, .words = CLI_WORDS_VM },
	{ 0 } };
static const char *const examples[] = {
	"banger vm stop web",
	"banger vm stop web db --timeout 60",
	NULL,
};
const struct opt_command cli_vm_stop = {
	.name = "stop",
	.brief = "shut VMs down in order; their disks stay",
	.about = "Shuts guests down in order: services stop, disks are written. A guest that takes too long is killed. "
		 "Start brings a VM back.",
	.examples = examples,
	.opts = opts,
	.args = args,
	.in_size = sizeof(struct vm_stop),
	.run = run,
};
