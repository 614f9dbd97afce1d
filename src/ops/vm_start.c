/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/build.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "disk/root.h"
#include "disk/store.h"
#include "kernel/import.h"
#include "kernel/initrd.h"
#include "ops/console_tail.h"
#include "ops/op.h"
#include "proto/client.h"
#include "proto/io_banger_helper.h"
#include "store/layout.h"
#include "vmm/choose.h"

enum { DISKS_MAX = 4 };

/* All descriptors of a launch; closed together once the helper has them. */
struct launch {
	int kernel, initrd, console, log, tap;
	int disks[DISKS_MAX];
	char *roles[DISKS_MAX];
	struct vmm_disk table[DISKS_MAX];
	size_t n_disks;
};

static void launch_done(struct launch *l)
{
	int *all[] = { &l->kernel, &l->initrd, &l->console, &l->log, &l->tap };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		auto_fd_close(all[i]);
	for (size_t i = 0; i < l->n_disks; i++)
		close(l->disks[i]);
}

static MUST int open_file(const char *path, int flags, int *ret, struct err *e)
{
	*ret = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0640);
	return *ret < 0 ? err_sys(e, errno, "open '%s'", path) : 0;
}

static MUST int add_disk(struct launch *l, char *path, const char *role, bool read_only, bool unsafe, struct err *e)
{
	AUTO_MEM char *owned = path;
	int fd;

	if (open_file(owned, read_only ? O_RDONLY : O_RDWR, &fd, e) < 0)
		return -1;
	/* A jailed VMM is another user, of the same group, and can open its descriptors anew. */
	if (fchmod(fd, read_only ? 0640 : 0660) < 0) {
		err_sys(e, errno, "chmod '%s'", owned);
		close(fd);
		return -1;
	}
	l->disks[l->n_disks] = fd;
	l->roles[l->n_disks] = (char *)(uintptr_t)role;
	l->table[l->n_disks++] = (struct vmm_disk){ .read_only = read_only, .unsafe = unsafe };
	return 0;
}

/* A host disk that was full, or broke, when the guest wrote: its kernel gave the store up, and a joined root would be nothing but errors. All
 * that is in the tables was written before it, so for the file system this is a power cut. */
static MUST int heal_store(struct op *op, struct err *e)
{
	const struct vm_record *vm = op->job.vm;
	AUTO_MEM char *path = layout_file(LAYOUT_VM, vm->id, disk_root_name(DISK_SNAPSHOT));
	bool healed;

	if (disk_store_heal(path, (uint64_t)vm->root_mib << 20, &healed, e) < 0)
		return err_hint(e, "what is on its root cannot be trusted: banger vm delete %s, and make it anew", vm->name);
	if (!healed)
		return 0;
	log_warn("store checked and set valid again", "vm", vm->name);
	free(op->warning);
	op->warning = mem_printf("a write to the root of '%s' had failed for want of space or by a broken disk; its store was checked and is used again", vm->name);
	return 0;
}

/* Order: root or base, work, modules, store. What an ephemeral VM writes need not survive the host. */
static MUST int open_disks(struct op *op, struct launch *l, struct err *e)
{
	const struct vm_record *vm = op->job.vm;
	bool snapshot = vm->root_backend == ROOT_BACKEND_SNAPSHOT;

	if (snapshot && heal_store(op, e) < 0)
		return -1;
	if (snapshot ? add_disk(l, layout_file(LAYOUT_IMAGE, vm->image, "rootfs.ext4"), "base", true, false, e) < 0
		     : add_disk(l, layout_file(LAYOUT_VM, vm->id, disk_root_name(DISK_COPY)), "root", false, vm->ephemeral, e) < 0)
		return -1;
	if (add_disk(l, layout_file(LAYOUT_VM, vm->id, "work.ext4"), "work", false, vm->ephemeral, e) < 0)
		return -1;
	if (op->job.kernel->has_modules && add_disk(l, layout_file(LAYOUT_KERNEL, vm->kernel, KERNEL_MODULES), "modules", true, false, e) < 0)
		return -1;
	return snapshot ? add_disk(l, layout_file(LAYOUT_VM, vm->id, disk_root_name(DISK_SNAPSHOT)), "store", false, vm->ephemeral, e) : 0;
}

/* The initrd holds this very binary, so each build has its own. */
static MUST int open_kernel(const struct op *op, struct launch *l, struct err *e)
{
	AUTO_MEM char *dir = layout_files(LAYOUT_KERNEL, op->job.vm->kernel);
	AUTO_MEM char *name = mem_printf("initrd-%.20s", build_id());
	AUTO_MEM char *vmlinux = mem_printf("%s/" KERNEL_VMLINUX, dir), *initrd = mem_printf("%s/%s", dir, name);
	AUTO_FD int self = -1;

	l->initrd = open(initrd, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (l->initrd < 0) {
		self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
		if (self < 0)
			return err_sys(e, errno, "open the running binary");
		if (kernel_initrd(dir, self, name, e) < 0 || open_file(initrd, O_RDONLY, &l->initrd, e) < 0)
			return err_wrap(e, "make the initrd");
	}
	if (open_file(vmlinux, O_RDONLY, &l->kernel, e) < 0)
		return -1;
	return fchmod(l->kernel, 0640) < 0 || fchmod(l->initrd, 0640) < 0 ? err_sys(e, errno, "chmod '%s'", vmlinux) : 0;
}

static MUST int open_logs(const struct op *op, struct launch *l, struct err *e)
{
	AUTO_MEM char *console = layout_file(LAYOUT_VM, op->job.vm->id, "console.log");
	AUTO_MEM char *log = layout_file(LAYOUT_VM, op->job.vm->id, "vmm.log");

	if (open_file(console, O_WRONLY | O_APPEND | O_CREAT, &l->console, e) < 0)
		return -1;
	return open_file(log, O_WRONLY | O_APPEND | O_CREAT, &l->log, e);
}

/* A network that a VMM needs by its tap's name alone is made while the daemon writes down who the VMM is: see launch. */
static bool attaches_late(const struct op *op)
{
	return op->choice.kind == VMM_KIND_FIRECRACKER;
}

static struct net_attach_in attach_in(const struct op *op)
{
	const struct vm_record *vm = op->job.vm;

	return (struct net_attach_in){ .vm = vm->id, .index = vm->net_index, .nat = vm->net == NET_MODE_NAT, .cid = vm->cid, .kind = op->choice.kind };
}

static MUST int attach_net(struct op *op, struct launch *l, struct err *e)
{
	struct net_attach_in in = attach_in(op);
	AUTO_DONE(net_attach_out_done) struct net_attach_out out = { 0 };
	struct varlink_client *helper;

	if (op->job.vm->net == NET_MODE_NONE)
		return 0;
	if (op_journal_net(op, e) < 0)
		return err_wrap(e, "make its network");
	if (attaches_late(op))
		return 0;
	if (op_helper(op, &helper, e) < 0 || call_net_attach(helper, &in, &out, e) < 0)
		return err_wrap(e, "make its network");
	if (out.has_tap)
		l->tap = varlink_client_take_fd(helper, out.tap);
	return 0;
}

/* Both are waited for, whichever fails: an undo must not overtake the helper. */
static MUST int journal_and_attach(struct op *op, const struct vmm_launch_out *launched, struct err *e)
{
	const bool attach = op->job.vm->net != NET_MODE_NONE && attaches_late(op);
	struct net_attach_in in = attach_in(op);
	struct err why = { 0 };
	int attached = 0;

	if (attach && varlink_client_begin(op->helper, &net_attach_method, &in, e) < 0)
		return err_wrap(e, "make its network");
	int journaled = op_journal_processes(op, launched->processes, launched->n_processes, e);
	if (attach)
		attached = varlink_client_end(op->helper, &net_attach_method, NULL, &why);
	if (journaled < 0)
		return -1;
	if (attached == 0)
		return 0;
	*e = why;
	return err_wrap(e, "make its network");
}

/* Forks, journals who it is, lets it go. */
static MUST int launch(struct op *op, struct launch *l, struct err *e)
{
	struct vm_record *vm = op->job.vm;
	AUTO_DONE(vmm_launch_out_done) struct vmm_launch_out out = { 0 };
	struct vmm_go_in go = { .vm = vm->id };
	struct varlink_client *helper;

	if (op_helper(op, &helper, e) < 0)
		return -1;
	struct vmm_launch_in in = {
		.vm = vm->id, .kind = op->choice.kind, .kvm = op->choice.kvm, .vcpus = vm->vcpus, .memory_mib = vm->memory_mib, .cid = vm->cid,
		.net = vm->net != NET_MODE_NONE, .hostname = vm->name, .roles = l->roles, .n_roles = l->n_disks, .disks = l->table, .n_disks = l->n_disks,
		.root_mib = vm->root_backend == ROOT_BACKEND_SNAPSHOT ? vm->root_mib : 0, .chunk_sectors = op->job.config.chunk_sectors,
		.kernel = varlink_client_attach_fd(helper, l->kernel), .initrd = varlink_client_attach_fd(helper, l->initrd),
		.console = varlink_client_attach_fd(helper, l->console), .log = varlink_client_attach_fd(helper, l->log), .has_tap = l->tap >= 0,
	};
	for (size_t i = 0; i < l->n_disks; i++)
		l->table[i].file = varlink_client_attach_fd(helper, l->disks[i]);
	if (in.has_tap)
		in.tap = varlink_client_attach_fd(helper, l->tap);
	if (call_vmm_launch(helper, &in, &out, e) < 0)
		return err_wrap(e, "launch %s", op->choice.name);
	if (journal_and_attach(op, &out, e) < 0)
		return -1;
	if (call_vmm_go(helper, &go, NULL, e) < 0)
		return err_wrap(e, "launch %s", op->choice.name);
	free(vm->processes);
	vm->processes = TAKE_PTR(out.processes);
	vm->n_processes = out.n_processes;
	out.n_processes = 0;
	free(vm->confined);
	vm->confined = TAKE_PTR(out.confined);
	free(vm->vmm);
	vm->vmm = mem_strdup(op->choice.name);
	return 0;
}

/* The guest's hello; without it, what the console and the VMM said last. */
static MUST int wait_ready(struct op *op, struct err *e)
{
	AUTO_MEM char *console = layout_file(LAYOUT_VM, op->job.vm->id, "console.log");
	AUTO_MEM char *log = layout_file(LAYOUT_VM, op->job.vm->id, "vmm.log");
	struct wait_ready_in in = { .timeout_ms = op->job.config.ready_timeout * 1000 };
	char tail[CONSOLE_TAIL_MAX];

	op_stage(op, "booting");
	if (call_wait_ready(op->daemon, &in, NULL, e) == 0)
		return 0;
	if (e->code != ERR_STATE && e->code != ERR_TIMEOUT)
		return -1;
	bool ended = e->code == ERR_STATE;
	if (!console_tail(console, tail) && !console_tail(log, tail))
		snprintf(tail, sizeof(tail), "(it said nothing)");
	err_clear(e);
	if (ended) {
		err_set(e, ERR_STATE, "the guest ended before it was ready; its console ends: %s", tail);
		return err_hint(e, "try more memory (--memory), or another image or kernel");
	}
	err_set(e, ERR_TIMEOUT, "the guest did not get ready in %lld s; its console ends: %s", (long long)op->job.config.ready_timeout, tail);
	return err_hint(e, "try another image or kernel, or on a slow host a larger ready_timeout in config.toml");
}

int vm_choose(struct op *op, struct err *e)
{
	const struct job_config *c = &op->job.config;
	struct host_facts *facts = &op->job.facts;
	AUTO_MEM char *kvm = mem_strdup(facts->kvm_key), *firecracker = mem_strdup(facts->firecracker_key);
	struct learn_in in = { 0 };
	struct err ignored = { 0 }; /* then the next one asks again */
	int rc;

	if (!op->job.kernel)
		return err_set(e, ERR_NOT_FOUND, "its kernel is gone");
	rc = vmm_choose(c->vmm, c->firecracker_bin, c->qemu_bin, op->job.kernel->release, facts, &op->choice, e);
	in.facts = *facts;
	if ((!str_eq(kvm, facts->kvm_key) || !str_eq(firecracker, facts->firecracker_key)) && call_learn_oneway(op->daemon, &in, &ignored) < 0)
		log_debug("findings not told", "why", ignored.msg);
	return rc;
}

static MUST int boot(struct op *op, struct launch *l, struct err *e)
{
	if (!op->job.kernel || !op->job.image)
		return err_set(e, ERR_NOT_FOUND, "its image or kernel is gone");
	if (!op->choice.kind && vm_choose(op, e) < 0)
		return -1;
	AUTO_MEM char *stage = mem_printf("starting the VMM: %s", op->choice.why);
	op_stage(op, stage);
	if (open_disks(op, l, e) < 0 || open_kernel(op, l, e) < 0 || open_logs(op, l, e) < 0 || attach_net(op, l, e) < 0 || launch(op, l, e) < 0)
		return -1;
	/* while the guest boots */
	if (op->fresh && vm_sync_disks(op, e) < 0)
		return -1;
	launch_done(l);
	*l = (struct launch){ -1, -1, -1, -1, -1 };
	return wait_ready(op, e);
}

int vm_boot(struct op *op, struct err *e)
{
	AUTO_DONE(launch_done) struct launch l = { -1, -1, -1, -1, -1 };

	if (boot(op, &l, e) < 0)
		return err_wrap(e, "start '%s'", op->job.vm->name);
	return 0;
}

int op_vm_start(struct op *op, const struct vm_start_in *in, struct vm_start_out *ret, struct err *e)
{
	return vm_boot(op, e);
}
