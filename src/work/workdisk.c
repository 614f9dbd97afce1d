/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "work/workdisk.h"

#include <unistd.h>

#include "base/auto.h"
#include "ext4/copy.h"
#include "ext4/fs.h"

static MUST int seed(const char *path, const char *image, struct err *e)
{
	AUTO(ext4_free) struct ext4 *from = NULL;
	AUTO(ext4_build_free) struct ext4_build *to = NULL;

	if (ext4_open(image, false, &from, e) < 0 || ext4_build_new(path, &to, e) < 0)
		return -1;
	if (ext4_copy_tree(from, "/root", to, "/", e) < 0) {
		if (e->code != ERR_NOT_FOUND)
			return err_wrap(e, "seed it from the image's /root");
		err_clear(e);
	}
	/* A crash now undoes the VM; its own first start makes the disk's content last. */
	return ext4_build_finish(TAKE_PTR(to), false, e);
}

int workdisk_make(const char *path, uint64_t bytes, const char *image, struct err *e)
{
	struct ext4_mkfs how = { .bytes = bytes, .label = "banger-work" };

	if (ext4_mkfs(path, &how, e) < 0)
		return -1;
	if (seed(path, image, e) == 0)
		return 0;
	unlink(path);
	return -1;
}
