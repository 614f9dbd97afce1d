/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "cli/client.h"

enum { PIECE = 65536 };

struct vm_logs {
	const char *vm;
	bool follow, console;
};

/* Prints from *at to the end. The daemon cuts a log that grows too long at its front, so a shorter file is read anew. */
static MUST int print_new(int fd, off_t *at, struct err *e)
{
	AUTO_MEM char *buf = mem_new(PIECE);
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "read the log");
	if (st.st_size < *at)
		*at = 0;
	for (;;) {
		ssize_t n = pread(fd, buf, PIECE, *at);

		if (n < 0)
			return err_sys(e, errno, "read the log");
		if (n == 0)
			break;
		*at += n;
		if (fwrite(buf, 1, (size_t)n, stdout) != (size_t)n)
			return err_sys(e, errno, "print the log");
	}
	if (fflush(stdout) == EOF)
		return err_sys(e, errno, "print the log");
	return 0;
}

/* Whether somebody may still write to the log, and who: 0 while the VM has no process yet. */
static MUST int still_runs(struct varlink_client *c, const char *vm, bool *ret, int64_t *ret_pid, struct err *e)
{
	AUTO_DONE(vm_show_out_done) struct vm_show_out out = { 0 };
	AUTO_MEM char *name = mem_strdup(vm);
	struct vm_show_in in = { .vm = name };

	*ret = false;
	if (call_vm_show(c, &in, &out, e) < 0) {
		if (e->code != ERR_NOT_FOUND)
			return -1;
		/* A VM that is gone by now has printed all it will print. */
		err_clear(e);
		return 0;
	}
	*ret = out.vm.state != VM_STATE_STOPPED && out.vm.state != VM_STATE_CREATED && out.vm.state != VM_STATE_ERROR;
	*ret_pid = out.vm.has_pid ? out.vm.pid : 0;
	return 0;
}

/* One descriptor that is readable when either is. */
static MUST int watch_both(int a, int b, int *ret, struct err *e)
{
	AUTO_FD int both = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event on = { .events = EPOLLIN };

	if (both < 0 || epoll_ctl(both, EPOLL_CTL_ADD, a, &on) < 0 ||
		(b >= 0 && epoll_ctl(both, EPOLL_CTL_ADD, b, &on) < 0))
		return err_sys(e, errno, "watch the log");
	*ret = TAKE_FD(both);
	return 0;
}

/* Prints what comes until the VMM has ended, or, while there is none yet, until something happened. */
static MUST int follow_process(int fd, int watch, int64_t pid, off_t *at, struct err *e)
{
	AUTO_FD int process = pid ? proc_pidfd((pid_t)pid) : -1;
	AUTO_FD int both = -1;
	struct pollfd ended = { process, POLLIN, 0 };
	char events[4096];

	if (pid && process < 0)
		return print_new(fd, at, e);
	if (watch_both(watch, process, &both, e) < 0)
		return -1;
	do {
		if (fd_wait(both, POLLIN, FD_FOREVER, e) < 0)
			return -1;
		while (read(watch, events, sizeof(events)) > 0)
			; /* only that something was written counts */
		if (poll(&ended, 1, 0) < 0)
			ended.revents = 0;
		if (print_new(fd, at, e) < 0)
			return -1;
	} while (process >= 0 && !ended.revents);
	return 0;
}

/* Until the VM has stopped. */
static MUST int follow(struct varlink_client *c, const char *vm, int fd, off_t at, struct err *e)
{
	AUTO_FD int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	int64_t pid = 0, last = 0;
	char path[32];
	bool runs;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (watch < 0 || inotify_add_watch(watch, path, IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF) < 0)
		return err_sys(e, errno, "watch the log");
	for (;;) {
		if (still_runs(c, vm, &runs, &pid, e) < 0 || print_new(fd, &at, e) < 0)
			return -1;
		/* The daemon may learn of the VMM's end later than we do. */
		if (!runs || (pid && pid == last))
			return 0;
		if (follow_process(fd, watch, pid, &at, e) < 0)
			return -1;
		last = pid;
	}
}

static MUST int logs(struct cli *cli, const struct vm_logs *o, struct err *e)
{
	AUTO_DONE(vm_logs_out_done) struct vm_logs_out out = { 0 };
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	AUTO_MEM char *name = mem_strdup(o->vm);
	struct vm_logs_in in = { .vm = name };
	AUTO_FD int fd = -1;
	off_t at = 0;

	if (client_connect(cli, &c, e) < 0 || call_vm_logs(c, &in, &out, e) < 0)
		return -1;
	fd = varlink_client_take_fd(c, o->console ? out.console : out.vmm);
	if (fd < 0)
		return err_set(e, ERR_INTERNAL, "the daemon sent no log of '%s'", o->vm);
	if (print_new(fd, &at, e) < 0)
		return -1;
	if (!o->follow)
		return 0;
	/* Ctrl-C is how following ends. */
	if (follow(c, o->vm, fd, at, e) < 0 && e->code != ERR_CANCELLED)
		return -1;
	err_clear(e);
	return 0;
}

static int run(const void *in, void *cx)
{
	struct err e = { 0 };

	return logs(cx, in, &e) < 0 ? cli_fail(&e, 1) : 0;
}

static const struct opt opts[] = {
	{ 'f', "follow", OPT_FLAG, offsetof(struct vm_logs, follow), NULL, "go on until the VM stops" },
	{ 0, "console", OPT_FLAG, offsetof(struct vm_logs, console), NULL, "what the guest printed on its console" },
	{ 0 },
};
static const struct opt_arg args[] = { { "VM", offsetof(struct vm_logs, vm), .words = CLI_WORDS_VM }, { 0 } };
static const char *const examples[] = { "banger vm logs --console web", "banger vm logs -f web", NULL };
const struct opt_command cli_vm_logs = {
	.name = "logs",
	.brief = "what a VM's monitor, or its guest's console, has printed",
	.examples = examples,
	.opts = opts,
	.args = args,
	.in_size = sizeof(struct vm_logs),
	.run = run,
};
