/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>

#include "base/auto.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/progress.h"
#include "cli/table.h"

struct image_import {
	const char *name, *tar, *ext4, *kernel;
	int64_t size_mib;
	bool json;
};

static MUST int open_source(const struct image_import *o, int *ret, struct err *e)
{
	const char *path = o->tar ? o->tar : o->ext4;

	if (!o->tar == !o->ext4) {
		err_set(e, ERR_INVALID, "image import: %s",
			o->tar ? "--tar and --ext4 exclude each other" : "--tar FILE or --ext4 FILE is missing");
		return err_hint(e, "banger image import %s --tar rootfs.tar.zst", o->name);
	}
	if (o->ext4 && o->size_mib)
		return err_set(e, ERR_INVALID, "image import: --size goes with --tar only");
	*ret = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (*ret < 0)
		return err_sys(e, errno, "open '%s'", path);
	return 0;
}

static MUST int import(struct cli *cli, const struct image_import *o, struct err *e)
{
	AUTO_DONE(image_import_out_done) struct image_import_out out = { 0 };
	AUTO_DONE(image_import_in_done) struct image_import_in in = { 0 };
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	struct progress_view view = progress_begin(cli, NULL);
	AUTO_FD int fd = -1;

	if (open_source(o, &fd, e) < 0 || client_connect(cli, &c, e) < 0)
		return -1;
	in = (struct image_import_in){
		.name = mem_strdup(o->name),
		.format = o->tar ? IMAGE_FORMAT_TAR : IMAGE_FORMAT_EXT4,
		.file = varlink_client_attach_fd(c, fd),
		.kernel = mem_strdup(o->kernel),
		.size_mib = o->size_mib,
		.has_size_mib = o->size_mib > 0,
	};
	if (progress_call(c, &image_import_method, &in, &view, &out, e) < 0)
		return -1;
	if (o->json && out.image)
		table_json(&image_info_type, out.image);
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
	{ 0, "tar", OPT_STRING, offsetof(struct image_import, tar), "FILE",
		"a root file system as tar, plain or compressed (gzip, xz, zstd, lz4, bzip2)",
		.words = OPT_WORDS_FILE },
	{ 0, "ext4", OPT_STRING, offsetof(struct image_import, ext4), "FILE", "a root file system as an ext4 image",
		.words = OPT_WORDS_FILE },
	{ 'k', "kernel", OPT_STRING, offsetof(struct image_import, kernel), "KERNEL",
		"kernel its VMs boot unless told otherwise", .words = CLI_WORDS_KERNEL },
	{ 0, "size", OPT_MIB, offsetof(struct image_import, size_mib), "SIZE",
		"least size of the file system made from a tar", 16, 16 << 20 },
	CLI_JSON(struct image_import),
	{ 0 },
};
static const struct opt_arg args[] = { { "NAME", offsetof(struct image_import, name) }, { 0 } };
static const char *const examples[] = {
	"banger image import debian-bookworm --tar rootfs.tar.zst --kernel debian",
	"banger image import old --ext4 rootfs.ext4",
	NULL,
};
const struct opt_command cli_image_import = {
	.name = "import",
	.brief = "make an image from a tar or an ext4 file",
	.about = "Makes an image from a root file system. The file itself is not changed and not needed afterwards.",
	.examples = examples,
	.opts = opts,
	.args = args,
	.in_size = sizeof(struct image_import),
	.run = run,
};
