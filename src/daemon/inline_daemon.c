/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon on itself, and the descriptors it hands out. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/build.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "daemon/idle.h"
#include "daemon/jobs.h"
#include "daemon/objects.h"
#include "proto/io_banger.h"
#include "proto/server.h"
#include "vm/state.h"

static int64_t count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int64_t n = -1; /* the folder's own */

	if (!d)
		return 0;
	for (struct dirent *de; (de = readdir(d));)
		if (de->d_name[0] != '.')
			n++;
	closedir(d);
	return n;
}

static void fill_jobs(struct daemon *d, struct daemon_status_out *ret)
{
	list_for_each(it, &d->jobs) {
		struct job *j = list_entry(it, struct job, link);
		if (!j->object)
			continue;
		ret->jobs = mem_grow(ret->jobs, ret->n_jobs, sizeof(*ret->jobs));
		ret->jobs[ret->n_jobs++] = (struct job_info){
			.operation = mem_strdup(j->id),
			.method = mem_strdup(j->method),
			.object = mem_strdup(object_name(j->object)),
			.stage = mem_strdup(j->stage),
			.started_at = j->started_at,
		};
	}
}

static void fill_defaults(const struct daemon *d, struct daemon_status_out *ret)
{
	size_t n;
	const struct config_value *values = config_values(d->config, &n);

	ret->defaults = mem_array(n, sizeof(*ret->defaults));
	for (size_t i = 0; i < n; i++)
		ret->defaults[ret->n_defaults++] = (struct default_value){
			.name = mem_strdup(values[i].name), .value = mem_strdup(values[i].text), .source = mem_strdup(config_source_text(values[i].source)) };
}

int on_daemon_status(struct varlink_call *call, const struct daemon_status_in *in, struct daemon_status_out *ret, struct err *e)
{
	struct daemon *d = varlink_call_server_context(call);

	ret->pid = getpid();
	ret->version = mem_strdup(build_version());
	ret->build = mem_strdup(build_id());
	ret->socket = layout_socket();
	ret->state_dir = mem_strdup(layout_dir(LAYOUT_STATE));
	ret->started_at = d->started_at;
	ret->descriptors = count_descriptors();
	ret->has_helper_pid = d->helper_pid > 0;
	ret->helper_pid = d->helper_pid;
	ret->network = d->network;
	ret->confinement = mem_strdup(d->confinement);
	ret->limited = d->limited;
	ret->dns = mem_strdup(d->dns ? d->config->dns_listen : NULL);
	ret->dns_reason = mem_strdup(*d->dns_reason ? d->dns_reason : NULL);
	fill_defaults(d, ret);
	fill_jobs(d, ret);
	return 0;
}

int on_daemon_stop(struct varlink_call *call, const struct daemon_stop_in *in, struct daemon_stop_out *ret, struct err *e)
{
	struct daemon *d = varlink_call_server_context(call);

	list_for_each(it, &d->jobs) {
		struct job *j = list_entry(it, struct job, link);
		if (j->object && !(in->has_force && in->force)) {
			err_set(e, ERR_BUSY, "%s holds '%s'", j->id, object_name(j->object));
			return err_hint(e, "wait for that to end, or stop the daemon with --force");
		}
	}
	daemon_stop(d);
	return 0;
}

/* Connects without waiting: a VMM whose queue is full is as good as gone. */
static MUST int connect_vsock(const struct object *o, int *ret, struct err *e)
{
	static const char connect_line[] = "CONNECT 42070\n";
	AUTO_MEM char *path = layout_vm_vsock(o->vm.id);
	AUTO_FD int fd = -1;

	if (fd_connect_unix(path, &fd, e) < 0)
		return err_wrap(e, "reach '%s'", o->vm.name);
	if (send(fd, connect_line, strlen(connect_line), MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)strlen(connect_line))
		return err_sys(e, errno, "reach '%s'", o->vm.name);
	*ret = TAKE_FD(fd);
	return 0;
}

int on_vm_connect(struct varlink_call *call, const struct vm_connect_in *in, struct vm_connect_out *ret, struct err *e)
{
	enum vm_state next;
	struct object *o;
	int fd;

	if (object_find(varlink_call_server_context(call), LAYOUT_VM, in->vm, &o, e) < 0 ||
	    vm_state_next(o->vm.name, o->vm.state, VM_ACT_CONNECT, &next, e) < 0 || connect_vsock(o, &fd, e) < 0)
		return -1;
	idle_touch(o);
	ret->socket = varlink_call_attach_fd(call, fd);
	return 0;
}

static MUST int open_log(const struct object *o, const char *name, int *ret, struct err *e)
{
	AUTO_MEM char *path = layout_file(LAYOUT_VM, o->vm.id, name);

	*ret = open(path, O_RDONLY | O_CLOEXEC);
	if (*ret >= 0)
		return 0;
	if (errno == ENOENT) {
		err_set(e, ERR_STATE, "VM '%s' has no logs: it was never started", o->vm.name);
		return err_hint(e, "banger vm start %s", o->vm.name);
	}
	return err_sys(e, errno, "open '%s'", path);
}

int on_vm_logs(struct varlink_call *call, const struct vm_logs_in *in, struct vm_logs_out *ret, struct err *e)
{
	AUTO_FD int vmm = -1;
	AUTO_FD int console = -1;
	struct object *o;

	if (object_find(varlink_call_server_context(call), LAYOUT_VM, in->vm, &o, e) < 0 || open_log(o, "vmm.log", &vmm, e) < 0 ||
	    open_log(o, "console.log", &console, e) < 0)
		return -1;
	ret->vmm = varlink_call_attach_fd(call, TAKE_FD(vmm));
	ret->console = varlink_call_attach_fd(call, TAKE_FD(console));
	return 0;
}
