/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of a stopped VM, read and edited where they lie: in its root, which may be image and store, or on its work disk. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "disk/cow.h"
#include "disk/root.h"
#include "disk/store.h"
#include "ext4/cow.h"
#include "ext4/fs.h"
#include "ops/op.h"
#include "sandbox/landlock.h"
#include "store/layout.h"

enum { FILE_MAX = 256 << 20 }; /* it is in memory once */
#define WORK_AT "/root"        /* where the guest has its work disk */

/* The file system a path leads to; the path in it. */
struct guest_files {
	struct disk_cow *cow; /* NULL for a whole image */
	struct ext4 *fs;
	const char *path;
};

static void files_done(struct guest_files *g)
{
	ext4_free(g->fs);
	disk_cow_free(g->cow);
}

static MUST int open_image(const struct vm_record *vm, const char *name, struct guest_files *g, struct err *e)
{
	AUTO_MEM char *path = layout_file(LAYOUT_VM, vm->id, name);

	return ext4_replay(path, e) < 0 ? -1 : ext4_open(path, true, &g->fs, e);
}

static MUST int open_joined(const struct vm_record *vm, struct guest_files *g, struct err *e)
{
	AUTO_MEM char *image = layout_file(LAYOUT_IMAGE, vm->image, "rootfs.ext4");
	AUTO_MEM char *store = layout_file(LAYOUT_VM, vm->id, disk_root_name(DISK_SNAPSHOT));
	uint64_t bytes = (uint64_t)vm->root_mib << 20;
	bool healed; /* a guest's start says so; here it is only a journal to replay */

	if (disk_store_heal(store, bytes, &healed, e) < 0 || disk_cow_open(image, store, bytes, true, &g->cow, e) < 0 || ext4_cow_replay(g->cow, e) < 0)
		return -1;
	return ext4_cow_open(g->cow, true, &g->fs, e);
}

/* From here on the worker is confined: it reads what the guest wrote. */
static MUST int open_files(struct op *op, const char *path, struct guest_files *g, struct err *e)
{
	const struct vm_record *vm = op->job.vm;
	AUTO_MEM char *dir = layout_files(LAYOUT_VM, vm->id), *image = layout_files(LAYOUT_IMAGE, vm->image);
	const struct landlock_rule rules[] = { { .path = dir, .write = true }, { .path = image } };
	size_t n = strlen(WORK_AT);

	if (*path != '/')
		return err_set(e, ERR_INVALID, "'%s' is not an absolute path", path);
	if (op_confine(op, rules, ARRAY_LEN(rules), e) < 0)
		return -1;
	g->path = path;
	if (str_starts(path, WORK_AT) && (!path[n] || path[n] == '/')) {
		g->path = path[n] ? path + n : "/";
		return open_image(vm, "work.ext4", g, e);
	}
	return vm->root_backend == ROOT_BACKEND_SNAPSHOT ? open_joined(vm, g, e) : open_image(vm, disk_root_name(DISK_COPY), g, e);
}

static MUST int check_file(struct op *op, int *ret_fd, uint64_t *ret_bytes, struct err *e)
{
	struct stat st;

	if (op_fd(op, 0, ret_fd, e) < 0)
		return -1;
	if (fstat(*ret_fd, &st) < 0)
		return err_sys(e, errno, "look at the file");
	if (!S_ISREG(st.st_mode)) /* a pipe could keep the VM for ever */
		return err_set(e, ERR_INVALID, "the descriptor is not of a regular file");
	if (st.st_size > FILE_MAX)
		return err_set(e, ERR_INVALID, "the file has more than %d MiB", FILE_MAX >> 20);
	*ret_bytes = (uint64_t)st.st_size;
	return 0;
}

static MUST int read_file(struct op *op, const char *path, struct err *e)
{
	AUTO_DONE(files_done) struct guest_files g = { 0 };
	AUTO_MEM char *data = NULL;
	uint64_t bytes;
	size_t n;
	int fd;

	if (check_file(op, &fd, &bytes, e) < 0 || open_files(op, path, &g, e) < 0 || ext4_read_file(g.fs, g.path, FILE_MAX, &data, &n, e) < 0)
		return -1;
	return fd_pwrite_all(fd, data, n, 0, e);
}

/* What the file is to be: what it was, or root's. */
static MUST int choose_meta(struct guest_files *g, struct ext4_meta *ret, struct err *e)
{
	struct ext4_stat st;

	*ret = ext4_meta(S_IFREG | 0644, 0, 0, 0);
	if (ext4_stat(g->fs, g->path, false, &st, e) < 0) {
		if (e->code != ERR_NOT_FOUND)
			return -1;
		err_clear(e);
		return 0;
	}
	if (S_ISLNK(st.meta.mode)) {
		err_set(e, ERR_INVALID, "it is a symlink");
		return err_hint(e, "name the file that it leads to");
	}
	if (!S_ISREG(st.meta.mode))
		return err_set(e, ERR_INVALID, "it is not a regular file");
	*ret = ext4_meta(st.meta.mode, st.meta.uid, st.meta.gid, 0);
	return 0;
}

static MUST int write_file(struct op *op, const char *path, struct err *e)
{
	AUTO_DONE(files_done) struct guest_files g = { 0 };
	AUTO_MEM char *data = NULL;
	struct ext4_meta meta;
	uint64_t bytes;
	int fd;

	if (check_file(op, &fd, &bytes, e) < 0)
		return -1;
	data = mem_new((size_t)bytes + 1);
	if (fd_pread_all(fd, data, (size_t)bytes, 0, e) < 0 || open_files(op, path, &g, e) < 0 || choose_meta(&g, &meta, e) < 0 ||
	    ext4_put_file(g.fs, g.path, data, (size_t)bytes, &meta, e) < 0)
		return -1;
	return ext4_close(TAKE_PTR(g.fs), e);
}

int op_vm_read_file(struct op *op, const struct vm_read_file_in *in, struct vm_read_file_out *ret, struct err *e)
{
	return read_file(op, in->path, e) < 0 ? err_wrap(e, "read '%s' of '%s'", in->path, op->job.vm->name) : 0;
}

int op_vm_write_file(struct op *op, const struct vm_write_file_in *in, struct vm_write_file_out *ret, struct err *e)
{
	return write_file(op, in->path, e) < 0 ? err_wrap(e, "write '%s' of '%s'", in->path, op->job.vm->name) : 0;
}
