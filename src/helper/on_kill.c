/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals to VMMs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "helper/helper.h"
#include "proto/io_banger_helper.h"
#include "proto/server.h"

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
