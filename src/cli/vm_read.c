/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/progress.h"

enum { PIECE = 65536 };

struct vm_read {
	const char *vm, *path;
};

static MUST int print(int fd, struct err *e)
{
	AUTO_MEM char *buf = mem_new(PIECE);
	off_t at = 0;
	ssize_t n;

	while ((n = pread(fd, buf, PIECE, at)) > 0) {
		if (fwrite(buf, 1, (size_t)n, stdout) != (size_t)n)
			return err_sys(e, errno, "print the file");
		at += n;
	}
	return n < 0 || fflush(stdout) == EOF ? err_sys(e, errno, "print the file") : 0;
}

static MUST int read_file(struct cli *cli, const struct vm_read *o, struct err *e)
{
	AUTO_DONE(vm_read_file_out_done) struct vm_read_file_out out = { 0 };
	AUTO_DONE(vm_read_file_in_done) struct vm_read_file_in in = { 0 };
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	struct progress_view view = progress_begin(cli, NULL);
	AUTO_FD int fd = memfd_create("file", MFD_CLOEXEC);

	if (fd < 0)
		return err_sys(e, errno, "make a file in memory");
	if (client_connect(cli, &c, e) < 0)
		return -1;
	in = (struct vm_read_file_in){ .vm = mem_strdup(o->vm), .path = mem_strdup(o->path), .file = varlink_client_attach_fd(c, fd) };
	if (progress_call(c, &vm_read_file_method, &in, &view, &out, e) < 0)
		return -1;
	return print(fd, e);
}

static int run(const void *in, void *cx)
{
	struct err e = { 0 };

	return read_file(cx, in, &e) < 0 ? cli_fail(&e, 1) : 0;
}

static const struct opt_arg args[] = { { "VM", offsetof(struct vm_read, vm), .words = CLI_WORDS_VM },
	{ "FILE", offsetof(struct vm_read, path) }, { 0 } };
static const char *const examples[] = { "banger vm read web /etc/fstab", NULL };
const struct opt_command cli_vm_read = {
	.name = "read",
	.brief = "print a file of a stopped VM",
	.about = "Prints a file of a VM that is stopped, as its guest would see it. Of a running one, \"vm exec VM -- cat FILE\" does it.",
	.examples = examples,
	.args = args,
	.in_size = sizeof(struct vm_read),
	.run = run,
};
