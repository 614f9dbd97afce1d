/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/mem.h"

enum { EVENTS_A_TURN = 64 };

/* fd >= 0: a descriptor. Otherwise a timer, due at deadline_ms. */
struct loop_source {
	struct list link;
	int fd;
	bool removed;
	int64_t deadline_ms;
	loop_fd_fn on_fd;
	loop_timer_fn on_timer;
	void *arg;
};

struct loop {
	int epoll_fd;
	int signal_fd;
	bool running;
	struct list fds;
	struct list timers; /* sorted, soonest first */
	struct list dead;   /* removed, freed at the end of the turn: an event may still point at them */
	loop_signal_fn on_signal;
	void *signal_arg;
};

int loop_new(struct loop **ret, struct err *e)
{
	struct loop *l = NEW(struct loop);

	l->signal_fd = -1;
	list_init(&l->fds);
	list_init(&l->timers);
	list_init(&l->dead);
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0) {
		free(l);
		return err_sys(e, errno, "epoll");
	}
	*ret = l;
	return 0;
}

static void free_list(struct list *head)
{
	list_for_each(it, head) {
		list_remove(it);
		free(list_entry(it, struct loop_source, link));
	}
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	free_list(&l->fds);
	free_list(&l->timers);
	free_list(&l->dead);
	auto_fd_close(&l->signal_fd);
	close(l->epoll_fd);
	free(l);
}

int loop_add_fd(struct loop *l, int fd, uint32_t events, loop_fd_fn fn, void *arg, struct loop_source **ret, struct err *e)
{
	struct loop_source *s = NEW(struct loop_source);
	struct epoll_event ev = { .events = events, .data.ptr = s };

	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		free(s);
		return err_sys(e, errno, "watch descriptor %d", fd);
	}
	s->fd = fd;
	s->on_fd = fn;
	s->arg = arg;
	list_add_tail(&l->fds, &s->link);
	if (ret)
		*ret = s;
	return 0;
}

int loop_set_events(struct loop *l, struct loop_source *s, uint32_t events, struct err *e)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };

	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, s->fd, &ev) < 0)
		return err_sys(e, errno, "watch descriptor %d", s->fd);
	return 0;
}

struct loop_source *loop_add_timer(struct loop *l, int64_t deadline_ms, loop_timer_fn fn, void *arg)
{
	struct loop_source *s = NEW(struct loop_source);
	struct list *before = &l->timers;

	s->fd = -1;
	s->deadline_ms = deadline_ms;
	s->on_timer = fn;
	s->arg = arg;
	list_for_each(it, &l->timers) {
		if (list_entry(it, struct loop_source, link)->deadline_ms > deadline_ms) {
			before = it;
			break;
		}
	}
	list_add_tail(before, &s->link);
	return s;
}

struct loop_source *loop_defer(struct loop *l, loop_timer_fn fn, void *arg)
{
	return loop_add_timer(l, 0, fn, arg);
}

void loop_remove(struct loop *l, struct loop_source *s)
{
	if (!s || s->removed)
		return;
	s->removed = true;
	if (s->fd >= 0)
		epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
	list_remove(&s->link);
	list_add_tail(&l->dead, &s->link);
}

static void on_signal_fd(struct loop *l, int fd, uint32_t revents, void *arg)
{
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		l->on_signal(l, &info, l->signal_arg);
}

int loop_add_signals(struct loop *l, const sigset_t *set, loop_signal_fn fn, void *arg, struct err *e)
{
	if (sigprocmask(SIG_BLOCK, set, NULL) < 0)
		return err_sys(e, errno, "block signals");
	l->signal_fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (l->signal_fd < 0)
		return err_sys(e, errno, "signalfd");
	l->on_signal = fn;
	l->signal_arg = arg;
	return loop_add_fd(l, l->signal_fd, EPOLLIN, on_signal_fd, NULL, NULL, e);
}

/* Runs what is due now; a timer added meanwhile waits for the next turn even if it is due, so a handler that re-arms cannot starve descriptors. */
static void run_timers(struct loop *l)
{
	int64_t now = time_now_ms();
	struct list due;

	list_init(&due);
	list_for_each(it, &l->timers) {
		if (list_entry(it, struct loop_source, link)->deadline_ms > now)
			break;
		list_remove(it);
		list_add_tail(&due, it);
	}
	while (!list_empty(&due)) {
		struct loop_source *s = list_entry(due.next, struct loop_source, link);
		loop_remove(l, s);
		s->on_timer(l, s->arg);
	}
}

static int wait_ms(struct loop *l)
{
	if (list_empty(&l->timers))
		return -1;
	int64_t left = list_entry(l->timers.next, struct loop_source, link)->deadline_ms - time_now_ms();
	if (left <= 0)
		return 0;
	return left > 3600000 ? 3600000 : (int)left;
}

int loop_run(struct loop *l, struct err *e)
{
	struct epoll_event ev[EVENTS_A_TURN];

	l->running = true;
	while (l->running) {
		int n = epoll_wait(l->epoll_fd, ev, EVENTS_A_TURN, wait_ms(l));
		if (n < 0 && errno != EINTR)
			return err_sys(e, errno, "epoll_wait");
		for (int i = 0; i < n; i++) {
			struct loop_source *s = ev[i].data.ptr;
			if (!s->removed)
				s->on_fd(l, s->fd, ev[i].events, s->arg);
		}
		run_timers(l);
		free_list(&l->dead);
	}
	return 0;
}

void loop_stop(struct loop *l)
{
	l->running = false;
}
