/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "ops/op.h"
#include "proto/client.h"
#include "proto/io_banger_helper.h"
#include "store/layout.h"

enum { KILL_WAIT_MS = 10000 };

static MUST int wait_gone(const struct process *p, struct err *e)
{
	struct proc_id id = { p->pid, p->start_time };
	AUTO_FD int fd = -1;

	if (proc_open(&id, &fd, e) < 0) {
		err_clear(e);
		return 0;
	}
	return fd_wait(fd, POLLIN, time_now_ms() + KILL_WAIT_MS, e);
}

static MUST int end_processes(struct op *op, struct err *e)
{
	struct vm_record *vm = op->job.vm;
	struct vmm_kill_in in = { .vm = vm->id, .processes = vm->processes, .n_processes = vm->n_processes, .signal = (char *)(uintptr_t) "KILL" };
	struct varlink_client *helper;

	/* Whatever a VMM may have left beside it goes too, so the helper is asked even when it has gone by itself. */
	if (vm->n_processes) {
		if (op_helper(op, &helper, e) < 0 || call_vmm_kill(helper, &in, NULL, e) < 0)
			return err_wrap(e, "end the VMM of '%s'", vm->name);
		for (size_t i = 0; i < vm->n_processes; i++)
			if (wait_gone(&vm->processes[i], e) < 0)
				return err_wrap(e, "end the VMM of '%s'", vm->name);
	}
	free(vm->processes);
	vm->processes = NULL;
	vm->n_processes = 0;
	return 0;
}

static MUST int detach(struct op *op, struct err *e)
{
	struct net_detach_in in = { .vm = op->job.vm->id, .index = op->job.vm->net_index };
	struct varlink_client *helper;

	if (op->job.vm->net == NET_MODE_NONE || !op->job.config.network)
		return 0;
	if (op_helper(op, &helper, e) < 0 || call_net_detach(helper, &in, NULL, e) < 0)
		return err_wrap(e, "take away the network of '%s'", op->job.vm->name);
	return 0;
}

static MUST int remove_sockets(const struct vm_record *vm, bool keep_run, struct err *e)
{
	AUTO_MEM char *run = layout_vm_run(vm->id);
	AUTO_MEM char *vsock = layout_vm_vsock(vm->id);
	AUTO_MEM char *api = layout_vm_api(vm->id);

	if (!keep_run)
		return path_remove_tree(run, e);
	return path_remove(vsock, e) < 0 || path_remove(api, e) < 0 ? -1 : 0;
}

int vm_release(struct op *op, bool keep_run, struct err *e)
{
	struct err now = { 0 };
	int rc = end_processes(op, e);

	if (detach(op, &now) < 0) {
		log_warn("release step failed", "why", now.msg);
		if (rc == 0)
			*e = now;
		rc = -1;
		err_clear(&now);
	}
	/* The sockets of a VMM that could not be ended stay, so that it can still be reached. */
	if (op->job.vm->n_processes == 0 && remove_sockets(op->job.vm, keep_run, &now) < 0) {
		if (rc == 0)
			*e = now;
		rc = -1;
	}
	return rc;
}
