/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <poll.h>

#include "base/auto.h"
#include "base/log.h"
#include "base/proc.h"
#include "ops/op.h"
#include "proto/client.h"
#include "proto/io_banger_agent.h"
#include "proto/io_banger_helper.h"
#include "store/layout.h"
#include "vsock/connect.h"

enum { AGENT_PORT = 42070, AGENT_MS = 5000, STOP_MS = 30000, SIGNAL_MS = 2000 };

static MUST int connect_agent(const struct vm_record *vm, struct varlink_client **ret, struct err *e)
{
	AUTO_MEM char *path = layout_vm_vsock(vm->id);
	int64_t deadline = time_now_ms() + AGENT_MS;
	int fd;

	if (vsock_connect(path, AGENT_PORT, deadline, &fd, e) < 0 || varlink_client_from_fd(fd, ret, e) < 0)
		return -1;
	varlink_client_set_max(*ret, VARLINK_MAX_MESSAGE_SMALL);
	varlink_client_set_deadline(*ret, deadline);
	return 0;
}

static MUST int ask_poweroff(const struct vm_record *vm, struct err *e)
{
	AUTO(varlink_client_free) struct varlink_client *agent = NULL;

	if (connect_agent(vm, &agent, e) < 0)
		return -1;
	return call_poweroff(agent, NULL, NULL, e);
}

/* Somebody's work would be lost: a command of ours, or somebody at a shell by ssh. */
static MUST int check_idle(const struct vm_record *vm, struct err *e)
{
	AUTO_DONE(health_out_done) struct health_out h = { 0 };
	AUTO(varlink_client_free) struct varlink_client *agent = NULL;

	if (connect_agent(vm, &agent, e) < 0 || call_health(agent, NULL, &h, e) < 0)
		return err_wrap(e, "ask the guest what goes on in it");
	if (!h.execs && h.has_ssh_sessions && !h.ssh_sessions)
		return 0;
	err_set(e, ERR_STATE, "it is in use: %lld commands, %lld ssh sessions", (long long)h.execs, (long long)h.ssh_sessions);
	return err_hint(e, "banger vm stop %s stops it all the same", vm->name);
}

/* Waits for the VMM, the first of the processes. */
static MUST int wait_vmm(const struct vm_record *vm, int64_t deadline_ms, struct err *e)
{
	struct proc_id id;
	AUTO_FD int fd = -1;

	if (!vm->n_processes)
		return 0;
	id = (struct proc_id){ vm->processes[0].pid, vm->processes[0].start_time };
	if (proc_open(&id, &fd, e) < 0) {
		err_clear(e);
		return 0;
	}
	return fd_wait(fd, POLLIN, deadline_ms, e);
}

int vm_shutdown(struct op *op, int64_t timeout_ms, struct err *e)
{
	struct vm_record *vm = op->job.vm;
	struct err why = { 0 };

	op_stage(op, "shutting down");
	if (ask_poweroff(vm, &why) == 0 && wait_vmm(vm, time_now_ms() + timeout_ms, &why) == 0)
		return 0;
	if (why.code == ERR_CANCELLED) {
		*e = why;
		return -1;
	}
	log_warn("guest did not shut down and is killed", "vm", vm->name, "why", why.msg);
	return 0;
}

int op_vm_stop(struct op *op, const struct vm_stop_in *in, struct vm_stop_out *ret, struct err *e)
{
	if ((in->has_if_idle && in->if_idle && check_idle(op->job.vm, e) < 0) ||
	    vm_shutdown(op, in->has_timeout_ms ? in->timeout_ms : STOP_MS, e) < 0 || vm_release(op, false, e) < 0)
		return err_wrap(e, "stop '%s'", op->job.vm->name);
	return 0;
}

int op_vm_restart(struct op *op, const struct vm_restart_in *in, struct vm_restart_out *ret, struct err *e)
{
	struct proc_id vmm = { 0 };

	if (op->job.vm->n_processes)
		vmm = (struct proc_id){ op->job.vm->processes[0].pid, op->job.vm->processes[0].start_time };
	if ((proc_alive(&vmm) && vm_shutdown(op, in->has_timeout_ms ? in->timeout_ms : STOP_MS, e) < 0) || vm_release(op, true, e) < 0)
		return err_wrap(e, "restart '%s'", op->job.vm->name);
	return vm_boot(op, e);
}

int op_vm_kill(struct op *op, const struct vm_kill_in *in, struct vm_kill_out *ret, struct err *e)
{
	struct vm_record *vm = op->job.vm;
	struct vmm_kill_in kill = { .vm = vm->id, .processes = vm->processes, .n_processes = vm->n_processes ? 1 : 0, .signal = in->signal };
	struct varlink_client *helper;
	struct err ignored = { 0 };

	if (in->signal && proc_signal_number(in->signal) != SIGKILL && vm->n_processes) {
		if (op_helper(op, &helper, e) < 0 || call_vmm_kill(helper, &kill, NULL, e) < 0)
			return err_wrap(e, "kill '%s'", vm->name);
		/* A VMM that takes the signal and goes on still runs: nothing to release. */
		if (wait_vmm(vm, time_now_ms() + SIGNAL_MS, &ignored) < 0)
			return 0;
	}
	if (vm_release(op, false, e) < 0)
		return err_wrap(e, "kill '%s'", vm->name);
	return 0;
}
