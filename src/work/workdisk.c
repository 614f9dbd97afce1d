/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "work/workdisk.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "ext4/copy.h"
#include "ext4/fs.h"
#include "work/sync.h"

/* The user's own word stands: the image's or a copied file's. */
static MUST int add_git(struct ext4_build *b, const char *text, struct err *e)
{
	const char *path = !ext4_build_has(b, "/.gitconfig") ? "/.gitconfig" : "/.config/git/config";
	struct ext4_entry out = { .path = path, .meta = ext4_meta(S_IFREG | 0644, 0, 0, 0), .size = strlen(text) };

	if (ext4_build_has(b, path))
		return 0;
	return ext4_build_add(b, &out, e) < 0 ? -1 : ext4_build_data(b, 0, text, strlen(text), e);
}

static MUST int fill(const char *path, const char *image, const struct workdisk_content *content, struct err *e)
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
	if (work_sync_copy(content->sync, to, e) < 0 || (content->git && add_git(to, content->git, e) < 0))
		return -1;
	/* A crash now undoes the VM; who makes it syncs before that ends. */
	return ext4_build_finish(TAKE_PTR(to), false, e);
}

int workdisk_make(const char *path, uint64_t bytes, const char *image, const struct workdisk_content *content, struct err *e)
{
	struct ext4_mkfs how = { .bytes = bytes, .label = "banger-work" };

	if (ext4_mkfs(path, &how, e) < 0)
		return -1;
	if (fill(path, image, content, e) == 0)
		return 0;
	unlink(path);
	return -1;
}
