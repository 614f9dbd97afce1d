/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/path.h"
#include "image/import.h"
#include "ops/op.h"
#include "sandbox/landlock.h"
#include "store/layout.h"

static void on_progress(void *arg, const char *stage, uint64_t done, uint64_t total)
{
	op_progress(arg, stage, total ? (int64_t)done : -1, total ? (int64_t)total : -1);
}

int op_image_import(struct op *op, const struct image_import_in *in, struct image_import_out *ret, struct err *e)
{
	struct image_record *r = op->job.image;
	AUTO_MEM char *dir = layout_files(LAYOUT_IMAGE, r->id);
	AUTO_MEM char *rootfs = layout_file(LAYOUT_IMAGE, r->id, "rootfs.ext4");
	AUTO_DONE(image_facts_done) struct image_facts facts = { 0 };
	uint64_t bytes = in->has_size_mib ? (uint64_t)in->size_mib << 20 : 0;
	int fd;

	if (op_fd(op, 0, &fd, e) < 0)
		return -1;
	if (mkdir(dir, 0700) < 0) {
		err_sys(e, errno, "make folder '%s'", dir);
		return err_wrap(e, "import image '%s'", r->name);
	}
	const struct landlock_rule rules[] = { { .path = dir, .write = true }, { .path = "/proc/self/exe" } /* injected */ };
	if (op_confine(op, rules, ARRAY_LEN(rules), e) < 0)
		return -1;
	if ((in->format == IMAGE_FORMAT_TAR ? image_import_tar(fd, rootfs, bytes, on_progress, op, &facts, e)
					    : image_import_ext4(fd, rootfs, bytes, on_progress, op, &facts, e)) < 0 ||
	    path_sync_dir(dir, e) < 0)
		return err_wrap(e, "import image '%s'", r->name);
	r->used_bytes = (int64_t)facts.used_bytes;
	r->size_bytes = (int64_t)facts.size_bytes;
	r->has_init = facts.has_init;
	r->os = TAKE_PTR(facts.os);
	return 0;
}
