/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control groups of an installed banger's VMs. They lie in the group of a unit that holds nothing else, so that neither service takes them along when
 * it ends. One whose last process has ended is removed as the kernel says so, and whatever nobody saw ending when the next helper starts. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "helper/helper.h"
#include "helper/launcher.h"
#include "sandbox/cgroup.h"

#define HOLDER "banger-vms.service"

/* Beside the guest's memory: the VMM itself and the page cache of its disks; a translator's code besides. And QEMU's threads that wait for disks. */
enum { MEMORY_MIB = 512, TRANSLATOR_MIB = 1024, CPUS = 1, TASKS = 128 };
enum { OWN_GROUP_MAX = 4096, EVENTS_SIZE = 4096 };

/* Beside our own group, which the service manager made; by itself where it makes none. */
static MUST int find_parent(const struct helper *h, char **ret, struct err *e)
{
	AUTO_MEM char *text = NULL;
	char *begin, *end;
	size_t n;

	if (!h->has_units) {
		*ret = mem_strdup(CGROUP_ROOT "/banger");
		return 0;
	}
	if (fd_read_file(AT_FDCWD, "/proc/self/cgroup", OWN_GROUP_MAX, &text, &n, e) < 0)
		return -1;
	begin = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
	begin = begin ? strchr(begin, '/') : NULL;
	if (!begin)
		return err_set(e, ERR_UNAVAILABLE, "this host has no control groups of version 2");
	begin[strcspn(begin, "\n")] = '\0';
	end = strrchr(begin, '/');
	*end = '\0';
	*ret = mem_printf(CGROUP_ROOT "%s/" HOLDER, begin);
	return 0;
}

static void on_change(struct loop *l, int fd, uint32_t revents, void *arg)
{
	struct helper *h = arg;
	char events[EVENTS_SIZE];

	while (read(fd, events, sizeof(events)) > 0)
		continue;
	cgroup_sweep(h->limits_parent);
}

void helper_limits_began(const struct helper *h, const char *name)
{
	if (h->limits_fd < 0)
		return;
	AUTO_MEM char *path = mem_printf("%s/%s/cgroup.events", h->limits_parent, name);

	if (inotify_add_watch(h->limits_fd, path, IN_MODIFY) < 0 && errno != ENOENT)
		log_warn("a control group is not watched", "path", path, "why", strerror(errno));
}

static void watch_all(struct helper *h)
{
	DIR *dir = opendir(h->limits_parent);
	struct dirent *d;

	if (!dir)
		return;
	while ((d = readdir(dir)))
		if (d->d_type == DT_DIR && d->d_name[0] != '.')
			helper_limits_began(h, d->d_name);
	closedir(dir);
}

static MUST int open_limits(struct helper *h, struct err *e)
{
	return find_parent(h, &h->limits_parent, e) < 0 ? -1 : cgroup_make_parent(h->limits_parent, e);
}

void helper_limits_open(struct helper *h)
{
	struct err e = { 0 };

	if (!h->system)
		err_set(&e, ERR_STATE, "only an installed banger's VMs have them");
	else if (open_limits(h, &e) < 0)
		log_warn("VMs have no limits", "why", e.msg);
	snprintf(h->limits_reason, sizeof(h->limits_reason), "%s", e.msg);
}

/* Watched before it is looked at: what becomes empty in between is seen. */
int helper_limits_watch(struct helper *h, struct err *e)
{
	if (h->limits_reason[0])
		return 0;
	h->limits_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (h->limits_fd < 0)
		return err_sys(e, errno, "inotify_init1");
	watch_all(h);
	cgroup_sweep(h->limits_parent);
	return loop_add_fd(h->loop, h->limits_fd, EPOLLIN, on_change, h, NULL, e);
}

void helper_limits_close(struct helper *h)
{
	/* No service manager removes the one that we made; one with VMs in it stays. */
	if (h->limits_parent && !h->has_units)
		rmdir(h->limits_parent);
	free(TAKE_PTR(h->limits_parent));
	auto_fd_close(&h->limits_fd);
}

int helper_limits_kill(const struct helper *h, const char *vm, struct err *e)
{
	return h->limits_reason[0] ? 0 : cgroup_kill(h->limits_parent, vm, e);
}

static MUST int apply(const struct helper *h, const char *vm, const struct launched *done, const struct cgroup_limits *limits, struct err *e)
{
	/* A group that has become empty may be taken away by the service manager, ours too. */
	if (cgroup_make_parent(h->limits_parent, e) < 0 || cgroup_make(h->limits_parent, vm, limits, e) < 0)
		return -1;
	for (size_t i = 0; i < done->n; i++)
		if (cgroup_add(h->limits_parent, vm, (pid_t)done->processes[i].pid, e) < 0)
			return -1;
	return 0;
}

int helper_limits_apply(const struct helper *h, const struct launch *what, const struct launched *done, struct str *confined, struct err *e)
{
	const struct cgroup_limits limits = {
		.memory_mib = what->memory_mib + MEMORY_MIB + (what->kvm ? 0 : TRANSLATOR_MIB),
		.cpus = what->vcpus + CPUS,
		.tasks = what->vcpus + TASKS,
	};

	if (h->limits_reason[0]) {
		if (h->system)
			str_addf(confined, ", no limits: %s", h->limits_reason);
		return 0;
	}
	if (apply(h, what->vm, done, &limits, e) < 0)
		return err_wrap(e, "limit VM '%s'", what->vm);
	str_addf(confined, ", at most %lld MiB, %lld processors, %lld tasks", (long long)limits.memory_mib, (long long)limits.cpus, (long long)limits.tasks);
	return 0;
}
