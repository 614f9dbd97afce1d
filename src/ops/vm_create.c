/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "config/config.h"
#include "disk/root.h"
#include "ext4/fs.h"
#include "ops/op.h"
#include "sandbox/landlock.h"
#include "store/layout.h"
#include "work/git_identity.h"
#include "work/sync.h"
#include "work/workdisk.h"

enum { SYNC_MODE = 0600 }; /* of a copied file, unless its entry says otherwise */

static enum disk_backend backend_of(const struct vm_record *vm)
{
	return vm->root_backend == ROOT_BACKEND_SNAPSHOT ? DISK_SNAPSHOT : vm->root_backend == ROOT_BACKEND_REFLINK ? DISK_REFLINK : DISK_COPY;
}

/* The root as the guest will see it: a store beside the image, or a copy that grows to its size at once. */
static MUST int make_root(const struct op *op, struct err *e)
{
	const struct vm_record *vm = op->job.vm;
	AUTO_MEM char *image = layout_file(LAYOUT_IMAGE, vm->image, "rootfs.ext4");
	AUTO_MEM char *root = layout_file(LAYOUT_VM, vm->id, disk_root_name(backend_of(vm)));
	uint64_t bytes = (uint64_t)vm->root_mib << 20;

	if (disk_root_make(backend_of(vm), image, root, bytes, e) < 0)
		return -1;
	return backend_of(vm) == DISK_SNAPSHOT ? 0 : ext4_grow(root, bytes, e);
}

/* A configuration of git's that cannot be read keeps nobody from a VM. */
static void read_git(struct work_sync *sync, const char *home, struct str *ret)
{
	AUTO_DONE(work_git_identity_done) struct work_git_identity found = { 0 };
	const char *config = layout_installed() ? NULL : getenv("XDG_CONFIG_HOME");
	struct err why = { 0 };

	if (work_git_identity_read(home, config && *config == '/' ? config : NULL, &found, &why) < 0)
		work_sync_warn(sync, "no identity for git: %s", why.msg);
	else
		work_git_identity_write(&found, ret);
}

/* The owner's files are opened while they can be: later, descriptors are all there is of them. */
static MUST int open_owners(const struct op *op, struct work_sync *sync, struct str *git, struct err *e)
{
	const struct job_config *c = &op->job.config;
	const char *home = layout_home();

	if (!home)
		return c->n_file_sync ? err_set(e, ERR_NOT_FOUND, "file_sync: no home folder is known for user %d", (int)getuid()) : 0;
	for (size_t i = 0; i < c->n_file_sync; i++) {
		const struct file_sync *f = &c->file_sync[i];

		if (work_sync_add(sync, home, f->host, f->guest, f->has_mode ? (mode_t)f->mode : SYNC_MODE, e) < 0)
			return -1;
	}
	if (c->git_identity)
		read_git(sync, home, git);
	return 0;
}

/* The image is read in this process: it gets what the VM is made of and no more. */
static MUST int confine(struct op *op, const char *dir, const struct work_sync *sync, struct err *e)
{
	AUTO_MEM char *image = layout_files(LAYOUT_IMAGE, op->job.vm->image), *kernel = layout_files(LAYOUT_KERNEL, op->job.vm->kernel);
	struct landlock_rule rules[5 + CONFIG_MAX_SYNC] = {
		{ .path = dir, .write = true },
		{ .path = image },
		{ .path = kernel, .write = true }, /* its initrd for this build */
		{ .path = "/proc/self/exe" },      /* which is in that */
		{ .path = "/proc" },               /* is the VMM alive? */
	};

	size_t n = 5;

	for (size_t i = 0; i < sync->n && n < ARRAY_LEN(rules); i++)
		if (sync->items[i].fd >= 0)
			rules[n++] = (struct landlock_rule){ .fd = sync->items[i].fd };
	return op_confine(op, rules, n, e);
}

static MUST int make_disks(struct op *op, struct work_sync *sync, struct err *e)
{
	const struct vm_record *vm = op->job.vm;
	AUTO_MEM char *dir = layout_files(LAYOUT_VM, vm->id);
	AUTO_MEM char *image = layout_file(LAYOUT_IMAGE, vm->image, "rootfs.ext4");
	AUTO_MEM char *work = layout_file(LAYOUT_VM, vm->id, "work.ext4");
	AUTO_DONE(str_done) struct str git = STR_INIT;
	struct workdisk_content content = { .sync = sync };

	if (!op->job.image || !op->job.kernel)
		return err_set(e, ERR_NOT_FOUND, "its image or kernel is gone");
	op_stage(op, "making disks");
	if (mkdir(dir, 0700) < 0)
		return err_sys(e, errno, "make folder '%s'", dir);
	if (open_owners(op, sync, &git, e) < 0 || confine(op, dir, sync, e) < 0)
		return -1;
	content.git = git.data;
	if (make_root(op, e) < 0)
		return err_wrap(e, "root disk");
	if (workdisk_make(work, (uint64_t)vm->disk_mib << 20, image, &content, e) < 0)
		return err_wrap(e, "work disk");
	op->fresh = true;
	if (sync->warnings.len)
		op->warning = str_take(&sync->warnings);
	return 0;
}

int vm_sync_disks(const struct op *op, struct err *e)
{
	const struct vm_record *vm = op->job.vm;
	const char *names[] = { "work.ext4", disk_root_name(backend_of(vm)) };

	if (vm->ephemeral)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO_MEM char *path = layout_file(LAYOUT_VM, vm->id, names[i]);
		AUTO_FD int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

		if (fd < 0 || fdatasync(fd) < 0)
			return err_sys(e, errno, "sync '%s'", path);
	}
	return 0;
}

int op_vm_create(struct op *op, const struct vm_create_in *in, struct vm_create_out *ret, struct err *e)
{
	bool start = !in->has_start || in->start;
	AUTO_DONE(work_sync_done) struct work_sync sync = { 0 };
	struct varlink_client *helper;

	if ((start && (vm_choose(op, e) < 0 || op_helper(op, &helper, e) < 0)) || make_disks(op, &sync, e) < 0)
		return err_wrap(e, "create '%s'", op->job.vm->name);
	return start ? vm_boot(op, e) : vm_sync_disks(op, e);
}
