/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a launch is: within the launcher. A launch has two halves, so that who the process is stands on disk before it does anything: launch_hold forks,
 * launch_go lets it execute. */
#include <errno.h>
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
#include "base/str.h"
#include "helper/helper.h"
#include "helper/launcher.h"
#include "net/addr.h"
#include "sandbox/jail.h"
#include "sandbox/sandbox.h"
#include "store/layout.h"
#include "vmm/trust.h"
#include "vmm/vmm.h"

enum { NAME_SIZE = 32 };

/* In the order in which they are let go. */
struct held {
	struct list link;
	uint64_t id;
	const struct helper *helper;
	struct proc_held procs[LAUNCH_PROCESSES_MAX];
	const char *names[LAUNCH_PROCESSES_MAX];
	size_t n;
};

static void held_free(struct held *h)
{
	list_remove(&h->link);
	for (size_t i = 0; i < h->n; i++)
		proc_held_done(&h->procs[i]);
	free(h);
}

static struct held *find(const struct helper *h, uint64_t id)
{
	list_for_each(it, &h->held) {
		struct held *held = list_entry(it, struct held, link);
		if (held->id == id)
			return held;
	}
	return NULL;
}

void launch_drop(struct helper *h, uint64_t id)
{
	struct held *held = find(h, id);

	if (held)
		held_free(held);
}

static MUST int check_role(const char *role, struct err *e)
{
	static const char *const roles[] = { "root", "base", "work", "modules", "store" };

	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (str_eq(roles[i], role))
			return 0;
	return err_set(e, ERR_INVALID, "'%.20s' is no disk's role", role);
}

static MUST int check_hostname(const char *name, struct err *e)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (!n || name[n] || n > 63)
		return err_set(e, ERR_INVALID, "'%.70s' is no host name", name);
	return 0;
}

/* A disk, kernel or log is a regular file; the tap is a device. */
static MUST int check_fd(int fd, mode_t type, const char *what, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || (st.st_mode & S_IFMT) != type)
		return err_set(e, ERR_INVALID, "%s is not of the right type", what);
	return 0;
}

static MUST int check(const struct launch *what, const int *fds, size_t n_fds, struct err *e)
{
	static const char *const names[LAUNCH_DISK_FD] = { "the kernel", "the initrd", "the console log", "the VMM's log" };

	if (check_vm_id(what->vm, e) < 0 || check_hostname(what->hostname, e) < 0 ||
	    check_sizes(what->vcpus, what->memory_mib, what->cid, what->root_mib, e) < 0)
		return -1;
	if (what->n_disks > VMM_DRIVES_MAX || n_fds != LAUNCH_DISK_FD + what->n_disks + what->has_tap)
		return err_set(e, ERR_INVALID, "%zu disks with %zu descriptors", what->n_disks, n_fds);
	for (size_t i = 0; i < LAUNCH_DISK_FD; i++)
		if (check_fd(fds[i], S_IFREG, names[i], e) < 0)
			return -1;
	for (size_t i = 0; i < what->n_disks; i++)
		if (check_role(what->disks[i].role, e) < 0 || check_fd(fds[LAUNCH_DISK_FD + i], S_IFREG, what->disks[i].role, e) < 0)
			return -1;
	return what->has_tap ? check_fd(fds[n_fds - 1], S_IFCHR, "the tap", e) : 0;
}

static MUST int fill_spec(const struct launch *what, const int *fds, struct vmm_spec *spec, struct err *e)
{
	for (size_t i = 0; i < what->n_disks; i++)
		spec->drives[spec->n_drives++] = (struct vmm_drive){ .fd = fds[LAUNCH_DISK_FD + i], .read_only = what->disks[i].read_only,
			.unsafe = what->disks[i].unsafe, .role = what->disks[i].role };
	spec->kernel_fd = fds[0];
	spec->initrd_fd = fds[1];
	spec->console_fd = fds[2];
	spec->log_fd = fds[3];
	if (what->has_tap)
		spec->tap_fd = fds[LAUNCH_DISK_FD + what->n_disks];
	spec->id = what->vm;
	spec->hostname = what->hostname;
	spec->vcpus = what->vcpus;
	spec->memory_mib = what->memory_mib;
	spec->cid = (uint32_t)what->cid;
	spec->root_mib = what->root_mib;
	spec->chunk_sectors = what->chunk_sectors;
	spec->kvm = what->kvm;
	spec->net = what->net;
	return addr_mac(what->vm, spec->mac, e);
}

/* Forks one process of a launch, jailed where jails are made; then it finds its program under how->path within. */
static MUST int hold(struct held *h, const char *name, const struct proc_spawn *how, struct jail *jail, struct err *e)
{
	struct seccomp_program filter;
	struct proc_spawn confined = *how;

	confined.new_session = true;
	sandbox_vmm_prepare(jail->base ? &jail->filter : &filter);
	confined.before_exec = jail->base ? jail_enter : sandbox_vmm_enter;
	confined.arg = jail->base ? (void *)jail : (void *)&filter;
	if (proc_hold(&confined, &h->procs[h->n], e) < 0)
		return -1;
	h->names[h->n++] = name;
	return 0;
}

/* It is told the VM's id only to bear it in its command line. */
static MUST int hold_vhost(struct held *h, const struct vmm_spec *spec, const struct jail *vmm_jail, int *ret_vmm_end, struct err *e)
{
	AUTO_MEM char *fd_text = mem_strdup("10"), *listen_text = mem_strdup("11"), *vm = mem_strdup(spec->id);
	AUTO_MEM char *cid = mem_printf("%u", spec->cid), *uds = mem_strdup(vmm_jail->base ? JAIL_RUN "/v.sock" : spec->vsock_path);
	const struct helper *helper = h->helper;
	struct jail jail = *vmm_jail;
	AUTO_FD int listen_fd = -1;
	int pair[2], listening;

	jail.kvm = jail.tun = false;
	if (jail.base && jail_needs_libraries("/proc/self/exe", &jail.libraries, e) < 0)
		return -1;
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
			 listen_text, cid, uds, vm, NULL };
	struct proc_fd fds[] = { { theirs, 10 }, { listen_fd, 11 }, { spec->log_fd, 2 } };
	struct proc_spawn how = { .argv = argv, .fds = fds, .n_fds = ARRAY_LEN(fds) };
	return hold(h, "banger-vhost-vsock", &how, &jail, e);
}

static MUST int hold_vmm(struct held *h, const struct vmm_driver *driver, const char *bin, const struct vmm_spec *spec, struct jail *jail, struct err *e)
{
	AUTO_DONE(vmm_command_done) struct vmm_command c = { 0 };
	AUTO_MEM char *path = mem_printf("/%s", driver->name);

	if (driver->build(spec, bin, &c, e) < 0)
		return -1;
	struct proc_spawn how = { .path = c.path, .argv = c.argv, .fds = c.fds, .n_fds = c.n_fds };
	if (!jail->base)
		return hold(h, driver->name, &how, jail, e);
	AUTO_MEM char *real = realpath(c.path, NULL);
	if (!real)
		return err_sys(e, errno, "look at '%s'", c.path);
	if ((h->helper->system && vmm_check_trusted(driver->name, real, e) < 0) || jail_needs_libraries(real, &jail->libraries, e) < 0)
		return -1;
	/* One that is found there anyway keeps its name, by which it finds its data. */
	if (!jail->libraries || strncmp(c.path, "/usr/", 5) != 0) {
		jail->program = real;
		jail->path = how.path = path;
	}
	return hold(h, driver->name, &how, jail, e);
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

static MUST int identify(const struct held *h, struct launched *ret, struct err *e)
{
	for (size_t i = h->n; i--;)
		if (proc_identify(h->procs[i].pid, &ret->processes[ret->n++], e) < 0)
			return -1;
	return 0;
}

int launch_hold(struct helper *helper, uint64_t id, const struct launch *what, const int *fds, size_t n_fds, struct launched *ret, struct err *e)
{
	const struct vmm_driver *driver = vmm_driver(what->kind);
	struct vmm_spec spec = { .tap_fd = -1, .vhost_fd = -1 };
	AUTO_MEM char *vsock = NULL, *api = NULL, *run = NULL;
	AUTO_DONE(str_done) struct str confined = STR_INIT;
	struct jail jail = { .gid = helper->system ? helper->owner_gid : what->gid };
	char tap[ADDR_DEV_NAME], vsock_inside[NAME_SIZE], api_inside[NAME_SIZE];
	AUTO_FD int vhost = -1;
	struct held *h;

	if (check(what, fds, n_fds, e) < 0 || fill_spec(what, fds, &spec, e) < 0 || addr_tap_name(what->vm, tap, e) < 0)
		return -1;
	spec.vsock_path = vsock = layout_vm_vsock(what->vm);
	spec.api_path = api = layout_vm_api(what->vm);
	spec.tap_name = tap;
	jail.run_dir = run = layout_vm_run(what->vm);
	helper_jail_fill(helper, &spec, &jail, &confined);
	h = NEW(struct held);
	h->id = id;
	h->helper = helper;
	list_add_tail(&helper->held, &h->link);
	if ((driver->needs_vhost && hold_vhost(h, &spec, &jail, &vhost, e) < 0) || (spec.vhost_fd = vhost, name_in_jail(&spec, &jail, vsock_inside, api_inside), false) ||
	    hold_vmm(h, driver, what->kind == VMM_KIND_FIRECRACKER ? helper->firecracker_bin : "", &spec, &jail, e) < 0 || identify(h, ret, e) < 0 ||
	    helper_limits_apply(helper, what, ret, &confined, e) < 0) {
		held_free(h);
		return -1;
	}
	snprintf(ret->confined, sizeof(ret->confined), "%s", confined.data);
	return 0;
}

int launch_go(struct helper *helper, uint64_t id, struct err *e)
{
	struct held *h = find(helper, id);
	int rc = 0;

	if (!h)
		return err_set(e, ERR_STATE, "launch %llu does not wait", (unsigned long long)id);
	for (size_t i = 0; i < h->n && rc == 0; i++)
		rc = proc_let_go(&h->procs[i], h->names[i], e);
	held_free(h);
	return rc;
}
