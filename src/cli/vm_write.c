/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/progress.h"

enum { PIECE = 65536 };

struct vm_write {
	const char *vm, *path;
};

/* All of standard input, so that nobody waits for a pipe while the VM is held. */
static MUST int take_input(int fd, struct err *e)
{
	AUTO_MEM char *buf = mem_new(PIECE);
	off_t at = 0;
	ssize_t n;

	while ((n = read(0, buf, PIECE)) > 0) {
		if (fd_pwrite_all(fd, buf, (size_t)n, at, e) < 0)
			return -1;
		at += n;
	}
	return n < 0 ? err_sys(e, errno, "read standard input") : 0;
}

static MUST int write_file(struct cli *cli, const struct vm_write *o, struct err *e)
{
	AUTO_DONE(vm_write_file_out_done) struct vm_write_file_out out = { 0 };
	AUTO_DONE(vm_write_file_in_done) struct vm_write_file_in in = { 0 };
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	struct progress_view view = progress_begin(cli, NULL);
	AUTO_FD int fd = memfd_create("file", MFD_CLOEXEC);

	if (fd < 0)
		return err_sys(e, errno, "make a file in memory");
	if (take_input(fd, e) < 0 || client_connect(cli, &c, e) < 0)
		return -1;
	in = (struct vm_write_file_in){ .vm = mem_strdup(o->vm), .path = mem_strdup(o->path), .file = varlink_client_attach_fd(c, fd) };
	return progress_call(c, &vm_write_file_method, &in, &view, &out, e);
}

static int run(const void *in, void *cx)
{
	struct err e = { 0 };

	return write_file(cx, in, &e) < 0 ? cli_fail(&e, 1) : 0;
}

static const struct opt_arg args[] = { { "VM", offsetof(struct vm_write, vm), .words = CLI_WORDS_VM },
	{ "FILE", offsetof(struct vm_write, path) }, { 0 } };
static const char *const examples[] = { "sed /nfs/d fstab | banger vm write web /etc/fstab", NULL };
const struct opt_command cli_vm_write = {
	.name = "write",
	.brief = "replace a file of a stopped VM by standard input",
	.about = "Writes standard input (such as < FILE) into a file of a VM that is stopped, also of one that does not start any\n"
		 "more. A file that is there keeps its owner and mode. The image is not changed.",
	.examples = examples,
	.args = args,
	.in_size = sizeof(struct vm_write),
	.run = run,
};
