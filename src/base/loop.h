/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Single-threaded epoll loop: descriptors, one-shot timers, signals. Handlers never block. */

#include <signal.h>
#include <stdint.h>
#include <sys/signalfd.h>

#include "base/err.h"

struct loop;
struct loop_source;

/* revents are EPOLL* bits. The handler may remove any source, its own included. */
typedef void (*loop_fd_fn)(struct loop *l, int fd, uint32_t revents, void *arg);
typedef void (*loop_timer_fn)(struct loop *l, void *arg);
typedef void (*loop_signal_fn)(struct loop *l, const struct signalfd_siginfo *info, void *arg);

MUST int loop_new(struct loop **ret, struct err *e);
void loop_free(struct loop *l);
/* Watches fd, which stays the caller's. */
MUST int loop_add_fd(struct loop *l, int fd, uint32_t events, loop_fd_fn fn, void *arg, struct loop_source **ret, struct err *e);
MUST int loop_set_events(struct loop *l, struct loop_source *s, uint32_t events, struct err *e);
/* Fires once at deadline (time_now_ms scale) and is then gone. */
struct loop_source *loop_add_timer(struct loop *l, int64_t deadline_ms, loop_timer_fn fn, void *arg);
/* Runs at the end of this turn, before the next wait. */
struct loop_source *loop_defer(struct loop *l, loop_timer_fn fn, void *arg);
/* Blocks the signals in set and delivers them here. */
MUST int loop_add_signals(struct loop *l, const sigset_t *set, loop_signal_fn fn, void *arg, struct err *e);
/* Takes a source away; NULL is fine. */
void loop_remove(struct loop *l, struct loop_source *s);
/* Runs until loop_stop. */
MUST int loop_run(struct loop *l, struct err *e);
void loop_stop(struct loop *l);
