/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/watch.h"

#include <stdlib.h>
#include <sys/epoll.h>

#include "base/auto.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "daemon/daemon.h"
#include "daemon/jobs.h"
#include "daemon/objects.h"


enum { WATCH_VMM, WATCH_OWNER, WATCH_COUNT };

struct watch {
	struct watched {
		struct object *object;
		int fd;
		struct loop_source *source; /* the pidfd, or the deferred notice that it is gone */
		bool alive;
	} p[WATCH_COUNT];
};

static void ended(struct loop *l, struct watched *w)
{
	struct object *o = w->object;
	bool owner = w == &o->watch->p[WATCH_OWNER];

	loop_remove(l, w->source);
	w->source = NULL;
	w->alive = false;
	if (owner)
		jobs_owner_exited(o);
	else
		jobs_vm_exited(o);
}

static void on_pidfd(struct loop *l, int fd, uint32_t revents, void *arg)
{
	ended(l, arg);
}

static void on_gone(struct loop *l, void *arg)
{
	struct watched *w = arg;

	w->source = NULL;
	ended(l, w);
}

static void watch_one(struct object *o, struct watched *w, const struct process *p)
{
	struct proc_id id = { .pid = p->pid, .start_time = p->start_time };
	struct loop *l = o->daemon->loop;
	struct err e = { 0 };

	w->object = o;
	w->alive = true;
	if (proc_open(&id, &w->fd, &e) == 0 && loop_add_fd(l, w->fd, EPOLLIN, on_pidfd, w, &w->source, &e) == 0)
		return;
	w->source = loop_defer(l, on_gone, w);
}

void watch_start(struct object *o)
{
	watch_stop(o);
	o->watch = NEW(struct watch);
	for (int i = 0; i < WATCH_COUNT; i++)
		o->watch->p[i].fd = -1;
	if (o->vm.n_processes)
		watch_one(o, &o->watch->p[WATCH_VMM], &o->vm.processes[0]);
	if (o->vm.ephemeral && o->vm.owner)
		watch_one(o, &o->watch->p[WATCH_OWNER], o->vm.owner);
}

void watch_stop(struct object *o)
{
	if (!o->watch)
		return;
	for (int i = 0; i < WATCH_COUNT; i++) {
		loop_remove(o->daemon->loop, o->watch->p[i].source);
		auto_fd_close(&o->watch->p[i].fd);
	}
	free(o->watch);
	o->watch = NULL;
}

bool watch_vmm_alive(const struct object *o)
{
	return o->watch && o->watch->p[WATCH_VMM].alive;
}

bool watch_owner_alive(const struct object *o)
{
	return !o->vm.ephemeral || !o->vm.owner || (o->watch && o->watch->p[WATCH_OWNER].alive);
}
