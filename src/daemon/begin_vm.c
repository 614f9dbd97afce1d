/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "daemon/begin.h"
#include "daemon/daemon.h"
#include "daemon/hello.h"
#include "daemon/jobs.h"
#include "daemon/objects.h"
#include "daemon/space.h"
#include "daemon/watch.h"
#include "net/addr.h"
#include "proto/server.h"
#include "store/record.h"
#include "vm/name.h"
#include "vm/spec.h"
#include "vm/state.h"

enum { CID_FIRST = 3 };

static void journal_add(struct object *o, enum journal_kind kind, char *path)
{
	size_t *n;
	struct journal_entry **j = object_journal(o, &n);

	*j = mem_grow(*j, *n, sizeof(**j));
	(*j)[(*n)++] = (struct journal_entry){ .kind = kind, .path = path };
}

/* With the first record of a start, so that its worker need not wait for another one. */
static void journal_net(struct object *o)
{
	if (o->vm.net != NET_MODE_NONE)
		journal_add(o, JOURNAL_KIND_NET, NULL);
}

static MUST int pick_name(struct daemon *d, const char *wanted, char **ret, struct err *e)
{
	char name[VM_NAME_MAX + 1] = "";

	if (wanted && *wanted) {
		if (vm_name_check(wanted, e) < 0)
			return -1;
		if (object_name_taken(d, LAYOUT_VM, wanted)) {
			err_set(e, ERR_EXISTS, "a VM named '%s' exists already", wanted);
			return err_hint(e, "banger vm show %s, or choose another name", wanted);
		}
		*ret = mem_strdup(wanted);
		return 0;
	}
	for (unsigned i = 0; !*name || object_name_taken(d, LAYOUT_VM, name); i++)
		vm_name_generate(i, name);
	*ret = mem_strdup(name);
	return 0;
}

static MUST int pick_image(struct daemon *d, const char *wanted, struct object **ret, struct err *e)
{
	const char *ref = wanted && *wanted ? wanted : d->config->default_image_name;

	if (object_find(d, LAYOUT_IMAGE, ref, ret, e) < 0) {
		if (!wanted)
			err_hint(e, "banger image import %s --tar FILE makes the default image", ref);
		return -1;
	}
	if ((*ret)->image.state != IMAGE_STATE_READY)
		return err_set(e, ERR_STATE, "image '%s' is %s", (*ret)->image.name, image_state_text((*ret)->image.state));
	return 0;
}

/* The one asked for, the image's, the configuration's, or the only one there is. */
static MUST int pick_kernel(struct daemon *d, const char *wanted, const struct object *image, struct object **ret, struct err *e)
{
	const char *ref = wanted && *wanted ? wanted : image->image.kernel ? image->image.kernel : d->config->default_kernel;
	struct object *only = NULL;
	int n = 0;

	if (ref && object_find(d, LAYOUT_KERNEL, ref, ret, e) < 0)
		return -1;
	if (!ref) {
		objects_each(d, o) {
			if (o->kind == LAYOUT_KERNEL && o->kernel.state == IMAGE_STATE_READY) {
				only = o;
				n++;
			}
		}
		if (n != 1) {
			err_set(e, ERR_STATE, "image '%s' has no kernel", image->image.name);
			return err_hint(e, n ? "choose one with --kernel NAME" : "banger kernel import NAME --deb FILE");
		}
		*ret = only;
	}
	if ((*ret)->kernel.state != IMAGE_STATE_READY)
		return err_set(e, ERR_STATE, "kernel '%s' is %s", (*ret)->kernel.name, image_state_text((*ret)->kernel.state));
	return 0;
}

static int64_t lowest_free_cid(struct daemon *d)
{
	for (int64_t cid = CID_FIRST;; cid++) {
		bool taken = false;
		objects_each(d, o)
			taken |= o->kind == LAYOUT_VM && o->vm.cid == cid;
		if (!taken)
			return cid;
	}
}

static MUST int pick_net_index(struct daemon *d, int64_t *ret, struct err *e)
{
	struct addr_net net;
	uint32_t address, first, used[4096];
	size_t n = 0;

	if (addr_parse_net(d->config->subnet, &net, e) < 0)
		return -1;
	first = net.host & addr_mask(&net);
	objects_each(d, o)
		if (o->kind == LAYOUT_VM && o->vm.net_index && n < ARRAY_LEN(used))
			used[n++] = first + (uint32_t)o->vm.net_index;
	if (addr_lowest_free(&net, used, n, &address, e) < 0)
		return -1;
	*ret = address - first;
	return 0;
}

/* Private is what a VM gets when nobody asks; only a network asked for by name is an error without the rights for it. */
static MUST int pick_net(struct daemon *d, enum net_mode wanted, struct vm_record *vm, char **ret_warning, struct err *e)
{
	vm->net = wanted ? wanted : NET_MODE_PRIVATE;
	if (!d->network && wanted && wanted != NET_MODE_NONE) {
		err_set(e, ERR_DENIED, "network '%s' cannot be made here: %s", net_mode_text(wanted), d->network_reason);
		return err_hint(e, "run the daemon as root, or use --net none");
	}
	if (!d->network && vm->net != NET_MODE_NONE) {
		vm->net = NET_MODE_NONE;
		*ret_warning = mem_printf("the VM has no network (exec works all the same): %s", d->network_reason);
	}
	return vm->net == NET_MODE_NONE ? 0 : pick_net_index(d, &vm->net_index, e);
}

static MUST int set_owner(const struct begin *b, struct vm_record *vm, struct err *e)
{
	struct ucred peer = varlink_call_peer(b->call);
	struct proc_id id;

	if (proc_identify(peer.pid, &id, e) < 0)
		return -1;
	vm->ephemeral = true;
	vm->owner = NEW(struct process);
	*vm->owner = (struct process){ .pid = id.pid, .start_time = id.start_time };
	return 0;
}

static MUST int fill_record(const struct begin *b, const struct vm_create_in *in, struct vm_record *vm, char **ret_warning, struct err *e)
{
	struct daemon *d = b->daemon;
	struct object *image, *kernel;
	char id[13];

	const struct config *c = d->config;
	struct spec_defaults defaults = { c->vcpus, c->memory_mib, c->disk_mib, c->root_mib };

	if (vm_spec_resolve(in, &defaults, vm, e) < 0 || pick_name(d, in->name, &vm->name, e) < 0 || pick_image(d, in->image, &image, e) < 0 ||
	    pick_kernel(d, in->kernel, image, &kernel, e) < 0 || record_new_id(id, e) < 0)
		return -1;
	vm->version = 1;
	vm->id = mem_strdup(id);
	vm->image = mem_strdup(image->image.id);
	vm->kernel = mem_strdup(kernel->kernel.id);
	vm->cid = lowest_free_cid(d);
	vm->created_at = (int64_t)time(NULL);
	vm->state = VM_STATE_CREATING;
	vm->root_backend = in->root_backend ? in->root_backend : kernel->kernel.has_snapshot ? ROOT_BACKEND_SNAPSHOT : ROOT_BACKEND_COPY;
	if (vm->root_backend == ROOT_BACKEND_SNAPSHOT && !kernel->kernel.has_snapshot) {
		err_set(e, ERR_INVALID, "kernel '%s' has no dm-snapshot", kernel->kernel.name);
		return err_hint(e, "leave the root back end to banger, or use another kernel");
	}
	int64_t image_mib = (image->image.size_bytes + (1 << 20) - 1) >> 20;
	if (in->has_root_mib && in->root_mib < image_mib)
		return err_set(e, ERR_INVALID, "root of %lld MiB is smaller than image '%s' (%lld MiB)", (long long)in->root_mib,
			       image->image.name, (long long)image_mib);
	if (vm->root_mib < image_mib)
		vm->root_mib = image_mib;
	if (pick_net(d, in->net, vm, ret_warning, e) < 0)
		return -1;
	return in->has_ephemeral && in->ephemeral ? set_owner(b, vm, e) : 0;
}

static int fail_new(struct object *o, struct job *j)
{
	struct err ignored = { 0 };

	if (j)
		job_drop(j);
	/* What cannot be removed is a record without files, which the next start undoes, or none at all where nothing can be written. */
	if (object_remove(o, &ignored) < 0)
		object_forget(o);
	return -1;
}

/* What would be paused at once. */
static MUST int check_space(const char *act, const char *name, struct err *e)
{
	return space_check(e) < 0 ? err_wrap(e, "%s '%s'", act, name) : 0;
}

int begin_vm_create(const struct begin *b, struct err *e)
{
	const struct vm_create_in *in = b->in;
	AUTO_DONE(vm_record_done) struct vm_record vm = { 0 };
	struct job_begin how = { .method = b->method->name, .params = b->params, .on_failure = JOB_REMOVES, .cancellable = true, .call = b->call,
				 .net_required = in->net && in->net != NET_MODE_NONE };
	bool start = !in->has_start || in->start;
	AUTO_MEM char *warning = NULL;
	struct object *o;
	struct job *j = NULL;

	if (fill_record(b, in, &vm, &warning, e) < 0 || (start && check_space("create", vm.name, e) < 0))
		return -1;
	o = object_add(b->daemon, LAYOUT_VM, &vm);
	if (job_new(o, &how, &j, e) < 0)
		return fail_new(o, NULL);
	j->warning = TAKE_PTR(warning);
	o->vm.operation = mem_strdup(j->id);
	journal_add(o, JOURNAL_KIND_TREE, layout_journal_files(LAYOUT_VM, o->vm.id));
	journal_add(o, JOURNAL_KIND_TREE, layout_journal_vm_run(o->vm.id));
	if (start)
		journal_net(o);
	job_prepare(j);
	if (object_save(o, e) < 0 || (start && hello_start(o, e) < 0))
		return fail_new(o, j);
	watch_start(o);
	job_run(j);
	return 0;
}

static enum vm_act act_of(const struct begin *b)
{
	static const struct {
		const char *method;
		enum vm_act act;
	} acts[] = {
		{ "VmStart", VM_ACT_START }, { "VmStop", VM_ACT_STOP }, { "VmRestart", VM_ACT_RESTART }, { "VmKill", VM_ACT_KILL }, { "VmDelete", VM_ACT_DELETE },
	};
	const struct vm_delete_in *del = b->in;

	for (size_t i = 0; i < ARRAY_LEN(acts); i++)
		if (str_eq(acts[i].method, varlink_method_short(b->method)))
			return acts[i].act == VM_ACT_DELETE && del->has_force && del->force ? VM_ACT_DELETE_FORCE : acts[i].act;
	abort();
}

static MUST int check_network(const struct daemon *d, const struct object *o, struct err *e)
{
	if (d->network || o->vm.net == NET_MODE_NONE)
		return 0;
	err_set(e, ERR_DENIED, "start '%s': its network cannot be made here: %s", o->vm.name, d->network_reason);
	return err_hint(e, "run the daemon as root, or: banger vm set %s --net none", o->vm.name);
}

int begin_vm_act(const struct begin *b, struct err *e)
{
	enum vm_act act = act_of(b);
	bool starts = act == VM_ACT_START || act == VM_ACT_RESTART;
	struct job_begin how = { .method = b->method->name, .params = b->params, .on_failure = starts ? JOB_RELEASES : JOB_ERROR,
				 .cancellable = act == VM_ACT_START, .net_required = true, .call = b->call };
	const struct vm_stop_in *stop = b->in;
	bool if_idle = act == VM_ACT_STOP && stop->has_if_idle && stop->if_idle;
	struct vm_record before = { 0 };
	enum vm_state next;
	struct object *o;
	struct job *j;

	if (if_idle)
		how.on_failure = JOB_RESTORES;
	if (object_find(b->daemon, LAYOUT_VM, varlink_method_lock_ref(b->method, b->in), &o, e) < 0)
		return -1;
	/* Two who want a VM gone both get what they want. */
	if (o->vm.state == VM_STATE_DELETING && o->job && (act == VM_ACT_DELETE || act == VM_ACT_DELETE_FORCE))
		return job_join(o->job, b->call, e);
	if (vm_state_next(o->vm.name, o->vm.state, act, &next, e) < 0 || (starts && (check_network(b->daemon, o, e) < 0 || check_space("start", o->vm.name, e) < 0)) ||
	    job_new(o, &how, &j, e) < 0)
		return -1;
	o->vm.state = if_idle ? o->vm.state : next;
	o->vm.operation = mem_strdup(j->id);
	if (next == VM_STATE_STARTING) { /* also the restart of a stopped one */
		o->reboot = o->left = o->ready = false;
		journal_add(o, JOURNAL_KIND_TREE, layout_journal_vm_run(o->vm.id));
		journal_net(o);
	}
	job_prepare(j);
	/* What a start makes goes with the host's boot, except on the disks, which are the VM's anyway. */
	if ((next == VM_STATE_STARTING ? object_note(o, e) : object_save(o, e)) < 0 || (next == VM_STATE_STARTING && hello_start(o, e) < 0)) {
		hello_stop(o);
		vm_record_copy(&before, &j->before);
		vm_record_done(&o->vm);
		o->vm = before;
		job_drop(j);
		return -1;
	}
	job_run(j);
	return 0;
}

int begin_vm_set(const struct begin *b, struct err *e)
{
	const struct vm_set_in *in = b->in;
	struct job_begin how = { .method = b->method->name, .params = b->params, .on_failure = JOB_RESTORES, .call = b->call };
	struct object *o, *kernel = NULL;
	enum vm_state next;
	struct job *j;

	if (object_find(b->daemon, LAYOUT_VM, in->vm, &o, e) < 0 || vm_state_next(o->vm.name, o->vm.state, VM_ACT_SET, &next, e) < 0 ||
	    vm_spec_check_set(in, &o->vm, e) < 0 || (in->kernel && object_find(b->daemon, LAYOUT_KERNEL, in->kernel, &kernel, e) < 0))
		return -1;
	if (kernel && !kernel->kernel.has_snapshot && o->vm.root_backend == ROOT_BACKEND_SNAPSHOT)
		return err_set(e, ERR_INVALID, "set '%s': kernel '%s' cannot join its root (no dm-snapshot)", o->vm.name, kernel->kernel.name);
	if (job_new(o, &how, &j, e) < 0)
		return -1;
	if (in->net) {
		char *warning = NULL;
		int64_t index = o->vm.net_index;
		if (pick_net(b->daemon, in->net, &o->vm, &warning, e) < 0) {
			o->vm.net = j->before.net;
			job_drop(j);
			return -1;
		}
		free(warning);
		if (index && o->vm.net != NET_MODE_NONE)
			o->vm.net_index = index;
	}
	if (kernel) {
		free(o->vm.kernel);
		o->vm.kernel = mem_strdup(kernel->kernel.id);
	}
	job_run(j);
	return 0;
}

int begin_vm_file(const struct begin *b, struct err *e)
{
	bool writes = str_eq(varlink_method_short(b->method), "VmWriteFile");
	int64_t index = writes ? ((const struct vm_write_file_in *)b->in)->file : ((const struct vm_read_file_in *)b->in)->file;
	struct job_begin how = { .method = b->method->name, .params = b->params, .on_failure = JOB_RESTORES, .cancellable = true, .call = b->call, .n_fds = 1 };
	enum vm_state next;
	struct object *o;
	struct job *j;

	if (object_find(b->daemon, LAYOUT_VM, varlink_method_lock_ref(b->method, b->in), &o, e) < 0 ||
	    vm_state_next(o->vm.name, o->vm.state, VM_ACT_FILE, &next, e) < 0)
		return -1;
	AUTO_FD int fd = varlink_call_take_fd(b->call, index);
	if (fd < 0)
		return err_set(e, ERR_INVALID, "file of '%s': no descriptor came with the request", o->vm.name);
	how.fds = &fd;
	if (job_new(o, &how, &j, e) < 0)
		return -1;
	(void)TAKE_FD(fd);
	job_run(j);
	return 0;
}
