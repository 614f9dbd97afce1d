/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>

#include "base/auto.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/progress.h"
#include "cli/table.h"

struct kernel_import {
	const char *name, *deb, *vmlinuz, *vmlinux, *modules;
	bool json;
};

static MUST int choose(
	const struct kernel_import *o, enum kernel_format *ret_format, const char **ret_path, struct err *e)
{
	int n = (o->deb != NULL) + (o->vmlinuz != NULL) + (o->vmlinux != NULL);

	if (n != 1) {
		err_set(e, ERR_INVALID, "kernel import: %s",
			n ? "--deb, --vmlinuz and --vmlinux exclude each other"
			  : "--deb FILE, --vmlinuz FILE or --vmlinux FILE is missing");
		return err_hint(e, "banger kernel import %s --deb linux-image-....deb", o->name);
	}
	if (o->deb && o->modules)
		return err_set(
			e, ERR_INVALID, "kernel import: a .deb brings its own modules, --modules goes with the others");
	*ret_format = o->deb ? KERNEL_FORMAT_DEB : o->vmlinuz ? KERNEL_FORMAT_VMLINUZ : KERNEL_FORMAT_VMLINUX;
	*ret_path = o->deb ? o->deb : o->vmlinuz ? o->vmlinuz : o->vmlinux;
	return 0;
}

static MUST int import(struct cli *cli, const struct kernel_import *o, struct err *e)
{
	AUTO_DONE(kernel_import_out_done) struct kernel_import_out out = { 0 };
	AUTO_DONE(kernel_import_in_done) struct kernel_import_in in = { .name = mem_strdup(o->name) };
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	struct progress_view view = progress_begin(cli, NULL);
	AUTO_FD int modules = -1;
	AUTO_FD int fd = -1;
	const char *path;

	if (choose(o, &in.format, &path, e) < 0)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_sys(e, errno, "open '%s'", path);
	modules = o->modules ? open(o->modules, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (o->modules && modules < 0)
		return err_sys(e, errno, "open '%s'", o->modules);
	if (client_connect(cli, &c, e) < 0)
		return -1;
	in.file = varlink_client_attach_fd(c, fd);
	in.has_modules = modules >= 0;
	if (modules >= 0)
		in.modules = varlink_client_attach_fd(c, modules);
	if (progress_call(c, &kernel_import_method, &in, &view, &out, e) < 0)
		return -1;
	if (o->json && out.kernel)
		table_json(&kernel_info_type, out.kernel);
	else
		printf("%s\n", o->name);
	return 0;
}

static int run(const void *in, void *cx)
{
	struct err e = { 0 };

	return import(cx, in, &e) < 0 ? cli_fail(&e, 1) : 0;
}

static const struct opt opts[] = {
	{ 0, "deb", OPT_STRING, offsetof(struct kernel_import, deb), "FILE",
		"a distribution's kernel package, modules and all", .words = OPT_WORDS_FILE },
	{ 0, "vmlinuz", OPT_STRING, offsetof(struct kernel_import, vmlinuz), "FILE", "a compressed kernel, as in /boot",
		.words = OPT_WORDS_FILE },
	{ 0, "vmlinux", OPT_STRING, offsetof(struct kernel_import, vmlinux), "FILE", "an uncompressed kernel (ELF)",
		.words = OPT_WORDS_FILE },
	{ 0, "modules", OPT_STRING, offsetof(struct kernel_import, modules), "DIR",
		"its modules, a folder like /lib/modules/RELEASE", .words = OPT_WORDS_DIR },
	CLI_JSON(struct kernel_import),
	{ 0 },
};
static const struct opt_arg args[] = { { "NAME", offsetof(struct kernel_import, name) }, { 0 } };
static const char *const examples[] = {
	"banger kernel import debian --deb linux-image-6.1.0-amd64.deb",
	"banger kernel import mine --vmlinuz /boot/vmlinuz-6.1.0 --modules /lib/modules/6.1.0",
	NULL,
};
const struct opt_command cli_kernel_import = {
	.name = "import",
	.brief = "add a kernel from a package or a file",
	.examples = examples,
	.opts = opts,
	.args = args,
	.in_size = sizeof(struct kernel_import),
	.run = run,
};
