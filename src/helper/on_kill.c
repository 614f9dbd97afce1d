/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals to VMMs. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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
#include "sandbox/jail.h"

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

/* All four users of a process that is in a jail are one of the jails', and it can become no other, nor hide them as it can its command line. */
static bool is_jailed(const struct process *p)
{
	char path[40];
	AUTO_MEM char *text = NULL;
	struct err ignored = { 0 }; /* it has gone */
	unsigned int uids[4];
	const char *at;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%lld/status", (long long)p->pid);
	if (fd_read_file(AT_FDCWD, path, 1 << 20, &text, &n, &ignored) < 0)
		return false;
	at = strstr(text, "\nUid:");
	if (!at || sscanf(at, "\nUid: %u %u %u %u", &uids[0], &uids[1], &uids[2], &uids[3]) != (int)ARRAY_LEN(uids))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(uids); i++)
		if (uids[i] - JAIL_UID_FIRST >= JAIL_UID_COUNT)
			return false;
	return true;
}

/* Its start time has said that this is the process that was launched, if the caller is honest. If not, it may be one of its owner's VMs, and nothing else:
 * one in a jail, as each of an installed banger's is, or one whose command line names the VM. One that has given up its memory has no command line left and
 * needs no signal: a vsock device ends by itself once its VMM is gone. */
static enum owner owner_of(const struct helper *h, const struct process *p, const char *vm)
{
	char path[40];
	AUTO_MEM char *text = NULL;
	struct err e = { 0 };
	size_t n;

	if (is_jailed(p))
		return OWNER_VM;
	snprintf(path, sizeof(path), "/proc/%lld/cmdline", (long long)p->pid);
	if (fd_read_file(AT_FDCWD, path, 1 << 20, &text, &n, &e) < 0)
		return e.sys == ENOENT || e.sys == ESRCH ? OWNER_ENDING : OWNER_OTHER;
	if (!n)
		return OWNER_ENDING;
	if (h->system)
		return OWNER_OTHER;
	return memmem(text, n, vm, strlen(vm)) || not_yet_executed(p, text, n) ? OWNER_VM : OWNER_OTHER;
}

int on_vmm_kill(struct varlink_call *call, const struct vmm_kill_in *in, struct vmm_kill_out *ret, struct err *e)
{
	const struct caller *caller = varlink_call_context(call);
	int sig;

	if (check_vm_id(in->vm, e) < 0 || check_signal(in->signal, &sig, e) < 0)
		return -1;
	for (size_t i = 0; i < in->n_processes; i++) {
		struct proc_id id = { in->processes[i].pid, in->processes[i].start_time };
		enum owner owner = proc_alive(&id) ? owner_of(caller->helper, &in->processes[i], in->vm) : OWNER_ENDING;
		if (owner == OWNER_ENDING)
			continue;
		if (owner == OWNER_OTHER)
			return err_set(e, ERR_DENIED, "process %lld is not of VM '%s'", (long long)id.pid, in->vm);
		if (proc_kill(&id, sig, e) < 0)
			return -1;
	}
	if (sig == SIGKILL && helper_limits_kill(caller->helper, in->vm, e) < 0)
		return -1;
	log_info("VMM signalled", "vm", in->vm, "signal", in->signal);
	return 0;
}
