/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/auto.h"
#include "base/mem.h"
#include "cli/many.h"
#include "cli/vm_new.h"

struct vm_set {
	struct opt_list vms;
	struct vm_new new;
	enum net_mode net_mode;
};

static int act(struct varlink_client *c, const char *vm, struct progress_view *v, const void *arg, char **ret_text,
	struct err *e)
{
	const struct vm_set *o = arg;
	AUTO_DONE(vm_set_out_done) struct vm_set_out out = { 0 };
	AUTO_DONE(vm_set_in_done)
	struct vm_set_in in = {
		.vm = mem_strdup(vm),
		.kernel = mem_strdup(o->new.kernel),
		.vcpus = o->new.vcpus,
		.has_vcpus = o->new.vcpus > 0,
		.memory_mib = o->new.memory_mib,
		.has_memory_mib = o->new.memory_mib > 0,
		.disk_mib = o->new.disk_mib,
		.has_disk_mib = o->new.disk_mib > 0,
		.root_mib = o->new.root_mib,
		.has_root_mib = o->new.root_mib > 0,
		.net = o->net_mode,
	};

	if (progress_call(c, &vm_set_method, &in, v, &out, e) < 0)
		return -1;
	*ret_text = mem_strdup(out.vm ? out.vm->name : vm);
	return 0;
}

static int run(const void *in, void *cx)
{
	struct vm_set o = *(const struct vm_set *)in;
	const struct vm_new *n = &o.new;
	struct err e = { 0 };

	if (vm_new_net(n->net, n->nat, &o.net_mode, &e) < 0)
		return cli_fail(&e, 1);
	if (!n->vcpus && !n->memory_mib && !n->disk_mib && !n->root_mib && !o.net_mode && !n->kernel) {
		err_set(&e, ERR_INVALID, "vm set: nothing to change was named");
		err_hint(&e, "banger vm set --help lists what can be changed");
		return cli_fail(&e, 1);
	}
	return many_run(cx, &o.vms, act, &o);
}

/* Without the defaults that making a VM has: what is not named stays. */
static const struct opt opts[] = {
	{ 'c', "vcpu", OPT_INT, offsetof(struct vm_set, new.vcpus), "N", "virtual processors", 1, 32 },
	{ 'm', "memory", OPT_MIB, offsetof(struct vm_set, new.memory_mib), "SIZE", "memory, such as 512M or 4G", 64,
		1 << 20 },
	{ 0, "disk-size", OPT_MIB, offsetof(struct vm_set, new.disk_mib), "SIZE",
		"work disk at /root; it can only grow", 16, 16 << 20 },
	{ 0, "system-overlay-size", OPT_MIB, offsetof(struct vm_set, new.root_mib), "SIZE",
		"root file system; it can only grow", 16, 16 << 20 },
	{ 0, "net", OPT_CHOICE, offsetof(struct vm_set, new.net), "MODE", "what the guest reaches",
		.choices = vm_new_nets },
	{ 0, "nat", OPT_SWITCH, offsetof(struct vm_set, new.nat), NULL,
		"short for --net nat, or with no- for --net private" },
	{ 'k', "kernel", OPT_STRING, offsetof(struct vm_set, new.kernel), "KERNEL", "kernel to boot",
		.words = CLI_WORDS_KERNEL },
	{ 0 },
};
static const struct opt_arg args[] = { { "VM", offsetof(struct vm_set, vms), .many = true, .words = CLI_WORDS_VM },
	{ 0 } };
static const char *const examples[] = { "banger vm set web --vcpu 4 --memory 8G", "banger vm set web --disk-size 32G",
	"banger vm set web --nat", NULL };
const struct opt_command cli_vm_set = {
	.name = "set",
	.brief = "change a stopped VM's size, network or kernel",
	.about = "Changes VMs that are stopped. Disks only grow; a larger work disk is there after the next start.",
	.examples = examples,
	.opts = opts,
	.args = args,
	.in_size = sizeof(struct vm_set),
	.run = run,
};
