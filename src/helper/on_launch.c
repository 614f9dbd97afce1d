/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Launching VMMs. VmmLaunch has the launcher fork, VmmGo has it let go. What is not let go ends with the caller's connection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "helper/helper.h"
#include "helper/launcher.h"
#include "proto/io_banger_helper.h"
#include "proto/server.h"

/* A launch that waits for its VmmGo. */
struct waiting {
	struct list link;
	struct caller *caller;
	char vm[16];
	uint64_t id;
};

static void waiting_free(struct waiting *w)
{
	list_remove(&w->link);
	free(w);
}

void launch_forget(struct caller *c)
{
	list_for_each(it, &c->helper->waiting) {
		struct waiting *w = list_entry(it, struct waiting, link);
		if (w->caller != c)
			continue;
		log_warn("launch given up by its caller", "vm", w->vm);
		launcher_forget(c->helper, w->id);
		waiting_free(w);
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

static MUST int take_fd(struct varlink_call *call, struct launch_fds *all, int64_t index, const char *what, struct err *e)
{
	int fd = varlink_call_take_fd(call, index);

	if (fd < 0)
		return err_set(e, ERR_INVALID, "%.20s did not come as a descriptor", what);
	all->fds[all->n++] = fd;
	return 0;
}

/* In the launcher's order. */
static MUST int take_all(struct varlink_call *call, const struct vmm_launch_in *in, struct launch_fds *all, struct err *e)
{
	if (in->n_disks != in->n_roles || in->n_disks > VMM_DRIVES_MAX)
		return err_set(e, ERR_INVALID, "%zu disks with %zu roles", in->n_disks, in->n_roles);
	if (take_fd(call, all, in->kernel, "the kernel", e) < 0 || take_fd(call, all, in->initrd, "the initrd", e) < 0 ||
	    take_fd(call, all, in->console, "the console log", e) < 0 || take_fd(call, all, in->log, "the VMM's log", e) < 0)
		return -1;
	for (size_t i = 0; i < in->n_disks; i++)
		if (take_fd(call, all, in->disks[i].file, in->roles[i], e) < 0)
			return -1;
	return in->has_tap ? take_fd(call, all, in->tap, "the tap", e) : 0;
}

static void fill(const struct vmm_launch_in *in, uint32_t gid, struct launch *ret)
{
	*ret = (struct launch){ .kind = in->kind, .vcpus = in->vcpus, .memory_mib = in->memory_mib, .cid = in->cid, .root_mib = in->root_mib,
		.chunk_sectors = in->chunk_sectors, .gid = gid, .kvm = in->kvm, .net = in->net, .has_tap = in->has_tap, .n_disks = in->n_disks };
	snprintf(ret->vm, sizeof(ret->vm), "%s", in->vm);
	snprintf(ret->hostname, sizeof(ret->hostname), "%s", in->hostname);
	for (size_t i = 0; i < in->n_disks; i++) {
		snprintf(ret->disks[i].role, sizeof(ret->disks[i].role), "%s", in->roles[i]);
		ret->disks[i].read_only = in->disks[i].read_only;
		ret->disks[i].unsafe = in->disks[i].unsafe;
	}
}

static void reply(const struct launched *done, struct vmm_launch_out *ret)
{
	ret->confined = mem_strdup(done->confined);
	ret->processes = mem_array(done->n, sizeof(*ret->processes));
	for (size_t i = 0; i < done->n; i++)
		ret->processes[ret->n_processes++] = (struct process){ .pid = done->processes[i].pid, .start_time = done->processes[i].start_time };
}

int on_vmm_launch(struct varlink_call *call, const struct vmm_launch_in *in, struct vmm_launch_out *ret, struct err *e)
{
	struct caller *caller = varlink_call_context(call);
	struct helper *h = caller->helper;
	AUTO_DONE(launch_fds_done) struct launch_fds all = { .n = 0 };
	struct launched done = { .n = 0 };
	struct launch what;
	struct waiting *w;

	if (take_all(call, in, &all, e) < 0)
		return -1;
	fill(in, varlink_call_peer(call).gid, &what);
	h->launches++;
	if (launcher_launch(h, h->launches, &what, all.fds, all.n, &done, e) < 0)
		return -1;
	helper_limits_began(h, what.vm);
	reply(&done, ret);
	w = NEW(struct waiting);
	w->caller = caller;
	w->id = h->launches;
	snprintf(w->vm, sizeof(w->vm), "%s", what.vm);
	list_add_tail(&h->waiting, &w->link);
	return 0;
}

int on_vmm_go(struct varlink_call *call, const struct vmm_go_in *in, struct vmm_go_out *ret, struct err *e)
{
	struct caller *caller = varlink_call_context(call);

	list_for_each(it, &caller->helper->waiting) {
		struct waiting *w = list_entry(it, struct waiting, link);
		if (w->caller != caller || !str_eq(w->vm, in->vm))
			continue;
		uint64_t id = w->id;
		waiting_free(w);
		if (launcher_go(caller->helper, id, e) < 0)
			return -1;
		log_info("VMM launched", "vm", in->vm);
		return 0;
	}
	return err_set(e, ERR_STATE, "no launch of '%.20s' waits on this connection", in->vm);
}
