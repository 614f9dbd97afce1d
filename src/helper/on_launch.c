/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Launching and killing VMMs. A launch has two halves, so that who the process is stands on disk before it does anything: VmmLaunch
 * forks, VmmGo lets it execute. What is not let go ends with the caller's connection. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "helper/helper.h"
#include "net/addr.h"
#include "proto/io_banger_helper.h"
#include "proto/server.h"
#include "sandbox/jail.h"
#include "sandbox/sandbox.h"
#include "store/layout.h"
#include "vmm/vmm.h"

enum { HELD_MAX = 2, NAME_SIZE = 32 };

/* How a VMM's process is confined before it executes. */
struct confinement {
	struct seccomp_program filter;
	const struct helper *helper;
	uint32_t kvm_gid;
};

static void confinement_prepare(struct confinement *c, const struct helper *h)
{
	c->helper = h;
	c->kvm_gid = h->system ? system_kvm_group(h) : 0;
	sandbox_vmm_prepare(&c->filter);
}

static int confinement_enter(void *arg)
{
	struct confinement *c = arg;

	if (c->helper->system && system_become_owner(c->helper, c->kvm_gid) < 0)
		return -1;
	return sandbox_vmm_enter(&c->filter);
}

/* The VMM, and banger-vhost-vsock where it needs one; in the order they are let go. */
struct held {
	struct list link;
	struct caller *caller;
	char vm[16];
	struct proc_held procs[HELD_MAX];
	const char *names[HELD_MAX];
	size_t n;
};

static void held_free(struct held *h)
{
	list_remove(&h->link);
	for (size_t i = 0; i < h->n; i++)
		proc_held_done(&h->procs[i]);
	free(h);
}

void launch_forget(struct caller *c)
{
	list_for_each(it, &c->helper->held) {
		struct held *h = list_entry(it, struct held, link);
		if (h->caller == c) {
			log_warn("launch given up by its caller", "vm", h->vm);
			held_free(h);
		}
	}
}

/* The descriptors of one request, closed together. */
struct launch_fds {
	int fds[FD_PASS_MAX];
	size_t n;
};

static void launch_fds_done(struct launch_fds *l)
{
	for (size_t i = 0; i < l->n; i++)
		close(l->fds[i]);
}

/* A disk, kernel or log is a regular file; the tap is a device. */
static MUST int take_fd(struct varlink_call *call, struct launch_fds *all, int64_t index, mode_t type, const char *what, int *ret, struct err *e)
{
	int fd = varlink_call_take_fd(call, index);
	struct stat st;

	if (fd < 0)
		return err_set(e, ERR_INVALID, "%s did not come as a descriptor", what);
	all->fds[all->n++] = fd;
	if (fstat(fd, &st) < 0 || (st.st_mode & S_IFMT) != type)
		return err_set(e, ERR_INVALID, "%s is not of the right type", what);
	*ret = fd;
	return 0;
}

static MUST int check_role(const char *role, struct err *e)
{
	static const char *const roles[] = { "root", "base", "work", "modules", "store" };

	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (str_eq(roles[i], role))
			return 0;
	return err_set(e, ERR_INVALID, "'%.20s' is no disk's role", role);
}

static MUST int take_drives(struct varlink_call *call, const struct vmm_launch_in *in, struct launch_fds *all, struct vmm_spec *spec, struct err *e)
{
	if (in->n_disks != in->n_roles || in->n_disks > VMM_DRIVES_MAX)
		return err_set(e, ERR_INVALID, "%zu disks with %zu roles", in->n_disks, in->n_roles);
	for (size_t i = 0; i < in->n_disks; i++) {
		struct vmm_drive *d = &spec->drives[i];
		if (check_role(in->roles[i], e) < 0 || take_fd(call, all, in->disks[i].file, S_IFREG, in->roles[i], &d->fd, e) < 0)
			return -1;
		d->read_only = in->disks[i].read_only;
		d->unsafe = in->disks[i].unsafe;
		d->role = in->roles[i];
		spec->n_drives++;
	}
	return 0;
}

static MUST int check_hostname(const char *name, struct err *e)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (!n || name[n] || n > 63)
		return err_set(e, ERR_INVALID, "'%.70s' is no host name", name);
	return 0;
}

static MUST int fill_spec(struct varlink_call *call, const struct vmm_launch_in *in, struct launch_fds *all, struct vmm_spec *spec, struct err *e)
{
	if (check_vm_id(in->vm, e) < 0 || check_hostname(in->hostname, e) < 0 || check_sizes(in->vcpus, in->memory_mib, in->cid, in->root_mib, e) < 0 ||
	    take_fd(call, all, in->kernel, S_IFREG, "the kernel", &spec->kernel_fd, e) < 0 ||
	    take_fd(call, all, in->initrd, S_IFREG, "the initrd", &spec->initrd_fd, e) < 0 ||
	    take_fd(call, all, in->console, S_IFREG, "the console log", &spec->console_fd, e) < 0 ||
	    take_fd(call, all, in->log, S_IFREG, "the VMM's log", &spec->log_fd, e) < 0 || take_drives(call, in, all, spec, e) < 0)
		return -1;
	spec->id = in->vm;
	spec->hostname = in->hostname;
	spec->vcpus = in->vcpus;
	spec->memory_mib = in->memory_mib;
	spec->cid = (uint32_t)in->cid;
	spec->root_mib = in->root_mib;
	spec->chunk_sectors = in->chunk_sectors;
	spec->kvm = in->kvm;
	spec->net = in->net;
	if (in->has_tap && take_fd(call, all, in->tap, S_IFCHR, "the tap", &spec->tap_fd, e) < 0)
		return -1;
	return addr_mac(in->vm, spec->mac, e);
}

static MUST int hold_vhost(struct held *h, struct vmm_spec *spec, int *ret_vmm_end, struct err *e)
{
	AUTO_MEM char *fd_text = mem_strdup("10"), *listen_text = mem_strdup("11");
	AUTO_MEM char *cid = mem_printf("%u", spec->cid), *uds = mem_strdup(spec->vsock_path);
	const struct helper *helper = h->caller->helper;
	AUTO_FD int listen_fd = -1;
	struct confinement confinement;
	int pair[2], listening;

	confinement_prepare(&confinement, helper);
	system_as_owner(helper);
	listening = fd_listen_unix(spec->vsock_path, 0600, &listen_fd, e);
	system_as_self(helper);
	if (listening < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "socketpair");
	AUTO_FD int theirs = pair[1];
	*ret_vmm_end = pair[0];
	char *argv[] = { (char *)(uintptr_t) "banger-vhost-vsock", (char *)(uintptr_t) "--role", (char *)(uintptr_t) "banger-vhost-vsock", fd_text,
			 listen_text, cid, uds, NULL };
	struct proc_fd fds[] = { { theirs, 10 }, { listen_fd, 11 }, { spec->log_fd, 2 } };
	struct proc_spawn how = { .argv = argv, .fds = fds, .n_fds = ARRAY_LEN(fds), .new_session = true,
		.before_exec = confinement_enter, .arg = &confinement };
	if (proc_hold(&how, &h->procs[h->n], e) < 0)
		return -1;
	h->names[h->n++] = "banger-vhost-vsock";
	return 0;
}

static MUST int hold_jailed(struct held *h, const struct vmm_driver *driver, const struct proc_spawn *how, struct jail *jail, struct err *e)
{
	AUTO_MEM char *path = mem_printf("/%s", driver->name);
	struct proc_spawn jailed = *how;

	jail->program = how->path;
	jail->path = jailed.path = path;
	if ((jail->gid != getgid() && jail_check_program(jail->program, e) < 0) || jail_needs_libraries(jail->program, &jail->libraries, e) < 0)
		return -1;
	/* One that is found there anyway keeps its name, by which it finds its data. */
	if (jail->libraries && strncmp(how->path, "/usr/", 5) == 0) {
		jail->program = NULL;
		jail->path = jailed.path = how->path;
	}
	sandbox_vmm_prepare(&jail->filter);
	jailed.before_exec = jail_enter;
	jailed.arg = jail;
	if (proc_hold(&jailed, &h->procs[h->n], e) < 0)
		return -1;
	h->names[h->n++] = driver->name;
	return 0;
}

static MUST int hold_vmm(struct held *h, const struct vmm_driver *driver, const char *bin, const struct vmm_spec *spec, struct jail *jail, struct err *e)
{
	AUTO_DONE(vmm_command_done) struct vmm_command c = { 0 };
	struct confinement confinement;

	confinement_prepare(&confinement, h->caller->helper);
	if (driver->build(spec, bin, &c, e) < 0)
		return -1;
	struct proc_spawn how = { .path = c.path, .argv = c.argv, .fds = c.fds, .n_fds = c.n_fds, .new_session = true,
		.before_exec = confinement_enter, .arg = &confinement };
	if (jail->base)
		return hold_jailed(h, driver, &how, jail, e);
	if (proc_hold(&how, &h->procs[h->n], e) < 0)
		return -1;
	h->names[h->n++] = driver->name;
	return 0;
}

/* The VMM first in the reply: it is the one that is waited for. */
static MUST int reply_processes(const struct held *h, struct vmm_launch_out *ret, struct err *e)
{
	struct proc_id id;

	ret->processes = mem_array(h->n, sizeof(*ret->processes));
	for (size_t i = h->n; i--;) {
		if (proc_identify(h->procs[i].pid, &id, e) < 0)
			return -1;
		ret->processes[ret->n_processes++] = (struct process){ .pid = id.pid, .start_time = id.start_time };
	}
	return 0;
}

/* The VMM makes its sockets in the folder it knows as JAIL_RUN. */
static void name_in_jail(struct vmm_spec *spec, const struct jail *jail, char vsock[static NAME_SIZE], char api[static NAME_SIZE])
{
	if (!jail->base)
		return;
	snprintf(vsock, NAME_SIZE, JAIL_RUN "%s", strrchr(spec->vsock_path, '/'));
	snprintf(api, NAME_SIZE, JAIL_RUN "%s", strrchr(spec->api_path, '/'));
	spec->vsock_path = vsock;
	spec->api_path = api;
}

int on_vmm_launch(struct varlink_call *call, const struct vmm_launch_in *in, struct vmm_launch_out *ret, struct err *e)
{
	struct caller *caller = varlink_call_context(call);
	const struct vmm_driver *driver = vmm_driver(in->kind);
	struct vmm_spec spec = { .tap_fd = -1, .vhost_fd = -1 };
	AUTO_DONE(launch_fds_done) struct launch_fds all = { .n = 0 };
	AUTO_MEM char *vsock = NULL, *api = NULL, *run = NULL;
	struct jail jail = { 0 };
	char tap[ADDR_DEV_NAME], vsock_inside[NAME_SIZE], api_inside[NAME_SIZE];
	AUTO_FD int vhost = -1;
	struct held *h;

	if (fill_spec(call, in, &all, &spec, e) < 0 || addr_tap_name(in->vm, tap, e) < 0)
		return -1;
	spec.vsock_path = vsock = layout_vm_vsock(in->vm);
	spec.api_path = api = layout_vm_api(in->vm);
	spec.tap_name = tap;
	jail.run_dir = run = layout_vm_run(in->vm);
	jail.gid = varlink_call_peer(call).gid;
	helper_jail_fill(caller->helper, &spec, &jail, &ret->confined);
	h = NEW(struct held);
	snprintf(h->vm, sizeof(h->vm), "%s", in->vm);
	h->caller = caller;
	list_add_tail(&caller->helper->held, &h->link);
	if ((driver->needs_vhost && hold_vhost(h, &spec, &vhost, e) < 0) || (spec.vhost_fd = vhost, name_in_jail(&spec, &jail, vsock_inside, api_inside), false) ||
	    hold_vmm(h, driver, in->kind == VMM_KIND_FIRECRACKER ? caller->helper->firecracker_bin : "", &spec, &jail, e) < 0 ||
	    reply_processes(h, ret, e) < 0) {
		held_free(h);
		return -1;
	}
	return 0;
}

int on_vmm_go(struct varlink_call *call, const struct vmm_go_in *in, struct vmm_go_out *ret, struct err *e)
{
	struct caller *caller = varlink_call_context(call);

	list_for_each(it, &caller->helper->held) {
		struct held *h = list_entry(it, struct held, link);
		if (h->caller != caller || !str_eq(h->vm, in->vm))
			continue;
		for (size_t i = 0; i < h->n; i++) {
			if (proc_let_go(&h->procs[i], h->names[i], e) < 0) {
				held_free(h);
				return -1;
			}
		}
		held_free(h);
		log_info("VMM launched", "vm", in->vm);
		return 0;
	}
	return err_set(e, ERR_STATE, "no launch of '%.20s' waits on this connection", in->vm);
}

/* A child that was forked for a launch and has not executed yet has the helper's own command line. It ends with its helper, but not before
 * somebody may want it gone. */
static bool not_yet_executed(const struct process *p, const char *text, size_t n)
{
	AUTO_MEM char *own = NULL;
	struct err ignored = { 0 }; /* unreadable: then it is not the same */
	size_t n_own;

	return p->pid != getpid() && fd_read_file(AT_FDCWD, "/proc/self/cmdline", 1 << 20, &own, &n_own, &ignored) == 0 && n == n_own &&
	       memcmp(text, own, n) == 0;
}

enum owner { OWNER_ENDING, OWNER_VM, OWNER_OTHER };

/* A process is a VM's when its command line names the VM: pids may have been taken over by others since. One that has given up its memory
 * has no command line left and needs no signal: a vsock device ends by itself once its VMM is gone. */
static enum owner owner_of(const struct process *p, const char *vm)
{
	char path[40];
	AUTO_MEM char *text = NULL;
	struct err e = { 0 };
	size_t n;

	snprintf(path, sizeof(path), "/proc/%lld/cmdline", (long long)p->pid);
	if (fd_read_file(AT_FDCWD, path, 1 << 20, &text, &n, &e) < 0)
		return e.sys == ENOENT || e.sys == ESRCH ? OWNER_ENDING : OWNER_OTHER;
	if (!n)
		return OWNER_ENDING;
	return memmem(text, n, vm, strlen(vm)) || not_yet_executed(p, text, n) ? OWNER_VM : OWNER_OTHER;
}

int on_vmm_kill(struct varlink_call *call, const struct vmm_kill_in *in, struct vmm_kill_out *ret, struct err *e)
{
	int sig;

	if (check_vm_id(in->vm, e) < 0 || check_signal(in->signal, &sig, e) < 0)
		return -1;
	for (size_t i = 0; i < in->n_processes; i++) {
		struct proc_id id = { in->processes[i].pid, in->processes[i].start_time };
		enum owner owner = proc_alive(&id) ? owner_of(&in->processes[i], in->vm) : OWNER_ENDING;
		if (owner == OWNER_ENDING)
			continue;
		if (owner == OWNER_OTHER)
			return err_set(e, ERR_DENIED, "process %lld is not of VM '%s'", (long long)id.pid, in->vm);
		if (proc_kill(&id, sig, e) < 0)
			return -1;
	}
	log_info("VMM signalled", "vm", in->vm, "signal", in->signal);
	return 0;
}
