/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
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

/* Whether somebody may still write to the log. */
static MUST int still_runs(struct varlink_client *c, const char *vm, bool *ret, struct err *e)
{
	AUTO_DONE(vm_show_out_done) struct vm_show_out out = { 0 };
	AUTO_MEM char *name = mem_strdup(vm);
	struct vm_show_in in = { .vm = name };

	if (call_vm_show(c, &in, &out, e) < 0)
		return -1;
	*ret = out.vm.state != VM_STATE_STOPPED && out.vm.state != VM_STATE_CREATED && out.vm.state != VM_STATE_ERROR;
	return 0;
}

/* Until the VM has stopped: its VMM then closes the file. */
static MUST int follow(struct varlink_client *c, const char *vm, int fd, off_t at, struct err *e)
{
	AUTO_FD int watch = inotify_init1(IN_CLOEXEC);
	char path[32], events[4096];
	bool runs;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (watch < 0 || inotify_add_watch(watch, path, IN_MODIFY | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_ATTRIB) < 0)
		return err_sys(e, errno, "watch the log");
	for (;;) {
		struct err gone = { 0 };

		/* A VM that is gone by now has printed all it will print. */
		if (still_runs(c, vm, &runs, &gone) < 0) {
			if (gone.code != ERR_NOT_FOUND) {
				*e = gone;
				return -1;
			}
			runs = false;
		}
		if (print_new(fd, &at, e) < 0)
			return -1;
		if (!runs)
			return 0;
		for (bool closed = false; !closed;) {
			ssize_t n;

			if (fd_wait(watch, POLLIN, FD_FOREVER, e) < 0)
				return -1;
			n = read(watch, events, sizeof(events));
			for (ssize_t i = 0; i + (ssize_t)sizeof(struct inotify_event) <= n;) {
				const struct inotify_event *ev = (const struct inotify_event *)(const void *)(events +
					i);

				closed = closed ||
					ev->mask & (IN_CLOSE_WRITE | IN_DELETE_SELF | IN_ATTRIB | IN_IGNORED);
				i += (ssize_t)(sizeof(*ev) + ev->len);
			}
			if (print_new(fd, &at, e) < 0)
				return -1;
		}
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
