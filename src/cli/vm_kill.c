/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/auto.h"
#include "base/mem.h"
#include "cli/many.h"

struct vm_kill {
	struct opt_list vms;
	const char *signal;
};

static int act(struct varlink_client *c, const char *vm, struct progress_view *v, const void *arg, char **ret_text,
	struct err *e)
{
	const struct vm_kill *o = arg;
	AUTO_DONE(vm_kill_out_done) struct vm_kill_out out = { 0 };
	AUTO_MEM char *name = mem_strdup(vm);
	AUTO_MEM char *signal = mem_strdup(o->signal);
	struct vm_kill_in in = { .vm = name, .signal = signal };

	if (progress_call(c, &vm_kill_method, &in, v, &out, e) < 0)
		return -1;
	*ret_text = mem_strdup(out.vm ? out.vm->name : vm);
	return 0;
}

static int run(const void *in, void *cx)
{
	const struct vm_kill *o = in;

	return many_run(cx, &o->vms, act, o);
}

static const struct opt opts[] = {
	{ 's', "signal", OPT_STRING, offsetof(struct vm_kill, signal), "SIGNAL",
		"signal for the VM's process (default KILL)", .words = CLI_WORDS_SIGNAL },
	{ 0 },
};
static const struct opt_arg args[] = { { "VM", offsetof(struct vm_kill, vms), .many = true, .words = CLI_WORDS_VM },
	{ 0 } };
static const char *const examples[] = {
	"banger vm kill web",
	NULL,
};
const struct opt_command cli_vm_kill = {
	.name = "kill",
	.brief = "end VMs at once, for when stop hangs",
	.about = "Ends VMs at once, as if the power failed: what the guest has not yet written is lost. For when stop "
		 "hangs.",
	.examples = examples,
	.opts = opts,
	.args = args,
	.in_size = sizeof(struct vm_kill),
	.run = run,
};
