/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Processes: spawn without a shell, pidfds, identity by pid and start time, cancellation. */

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Who a process is across pid reuse: pid and field 22 of /proc/PID/stat (clock ticks since boot). pid 0 is nobody. */
struct proc_id {
	int64_t pid;
	int64_t start_time;
};

/* A descriptor the child gets under a chosen number. */
struct proc_fd {
	int fd;    /* in the parent */
	int as_fd; /* in the child */
};

struct proc_spawn {
	const char *path;          /* executable; NULL: this very binary (/proc/self/exe) */
	char *const *argv;
	char *const *envp;         /* NULL: inherit */
	const struct proc_fd *fds; /* all others are closed; 0, 1, 2 not named become /dev/null */
	size_t n_fds;
	bool new_session;
	bool die_with_parent;      /* PR_SET_PDEATHSIG SIGKILL */
	/* Runs in the child before the exec, with only async-signal-safe calls; <0 ends the child with 127. May be NULL. */
	int (*before_exec)(void *arg);
	void *arg;
};

/* Forks and executes; returns once the exec has happened (its failure is the error here). *ret_pidfd may be NULL; close-on-exec. */
MUST int proc_start(const struct proc_spawn *how, pid_t *ret_pid, int *ret_pidfd, struct err *e);
/* The same in two steps: the child is there, with its descriptors and before_exec done, but executes only when let go; it ends when go_fd
 * closes first. */
struct proc_held {
	pid_t pid;
	int go_fd;
	int err_fd;
};
#define PROC_HELD_NONE { 0, -1, -1 }
MUST int proc_hold(const struct proc_spawn *how, struct proc_held *ret, struct err *e);
/* Lets it execute and returns once that has happened. name is for the message. On failure the child is gone and reaped. */
MUST int proc_let_go(struct proc_held *h, const char *name, struct err *e);
/* Ends a child that was not let go, and reaps it. Fine on PROC_HELD_NONE and after proc_let_go. */
void proc_held_done(struct proc_held *h);
/* waitpid on a child until the deadline. *ret_status as waitpid's. */
MUST int proc_wait(pid_t pid, int64_t deadline_ms, int *ret_status, struct err *e);
/* pidfd_open; -1 with errno. */
int proc_pidfd(pid_t pid);
/* pidfd_send_signal; -1 with errno. */
int proc_pidfd_signal(int pidfd, int sig);
/* Reads the identity of a live process. ERR_NOT_FOUND when there is none. */
MUST int proc_identify(pid_t pid, struct proc_id *ret, struct err *e);
/* A pidfd of exactly that process; ERR_NOT_FOUND when it is gone (or its pid is another's, or it is a zombie). */
MUST int proc_open(const struct proc_id *id, int *ret_pidfd, struct err *e);
bool proc_alive(const struct proc_id *id);
/* Sends sig to exactly that process. Gone counts as success. */
MUST int proc_kill(const struct proc_id *id, int sig, struct err *e);
/* Text of a wait status: "exit status 3", "killed by signal 9 (Killed)". Returns out. */
const char *proc_status_text(int status, char out[static 64]);
/* The name of a signal without SIG, "TERM"; "?" for an unknown one. proc_signal_number takes "TERM", "SIGTERM", any case; 0 if unknown. */
const char *proc_signal_name(int sig);
int proc_signal_number(const char *name);

/* Cancellation: after proc_catch_cancel, SIGTERM and SIGINT only set a flag, which the waiting helpers of base look at. */
void proc_catch_cancel(void);
bool proc_cancelled(void);
/* The signal mask to wait with (ppoll), so that a cancel that comes just before the wait ends it too; NULL before proc_catch_cancel. */
const sigset_t *proc_wait_mask(void);
