/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/modules.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "ext4/fs.h"
#include "ext4/tree.h"
#include "kernel/import.h"
#include "kfile/initrd.h"
#include "kfile/modindex.h"
#include "kfile/modinfo.h"
#include "kfile/modorder.h"
#include "kfile/modset.h"
#include "unpack/inflate.h"

/* How much the modules need is known only when all have come. The image is sparse, so room costs nothing. */
#define IMAGE_BYTES ((uint64_t)4 << 30)

struct modules {
	char *image, *tail; /* paths */
	struct ext4 *fs;
	struct modset *set;
	char *folder; /* the last one made */
	int64_t newest_s;
	size_t n;
};

int kernel_modules_begin(const char *dir, struct modules **ret, struct err *e)
{
	AUTO(kernel_modules_free) struct modules *m = NEW(struct modules);
	struct ext4_mkfs how = { .bytes = IMAGE_BYTES, .label = "modules", .no_journal = true };

	m->image = mem_printf("%s/" KERNEL_MODULES, dir);
	m->tail = mem_printf("%s/" KERNEL_INITRD_TAIL, dir);
	m->set = kfile_modset_new();
	if (ext4_mkfs(m->image, &how, e) < 0 || ext4_open(m->image, true, &m->fs, e) < 0)
		return -1;
	*ret = TAKE_PTR(m);
	return 0;
}

void kernel_modules_free(struct modules *m)
{
	if (!m)
		return;
	ext4_free(m->fs);
	kfile_modset_free(m->set);
	free(m->folder);
	free(m->image);
	free(m->tail);
	free(m);
}

/* Makes the folder of path; files of one folder come one after the other. */
static MUST int make_folder(struct modules *m, const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	struct ext4_meta meta = ext4_meta(S_IFDIR | 0755, 0, 0, m->newest_s);

	if (!slash)
		return 0;
	AUTO_MEM char *folder = mem_strndup(path, (size_t)(slash - path));
	if (str_eq(folder, m->folder))
		return 0;
	if (ext4_make_dirs(m->fs, folder, &meta, e) < 0)
		return -1;
	free(m->folder);
	m->folder = TAKE_PTR(folder);
	return 0;
}

static MUST int put(struct modules *m, const char *path, int64_t mtime_s, const void *data, size_t n, struct err *e)
{
	struct ext4_meta meta = ext4_meta(S_IFREG | 0644, 0, 0, mtime_s);

	if (mtime_s > m->newest_s)
		m->newest_s = mtime_s;
	if (make_folder(m, path, e) < 0)
		return -1;
	return ext4_put_file(m->fs, path, data, n, &meta, e);
}

static MUST int add_module(struct modules *m, const char *path, int64_t mtime_s, const void *data, size_t n, struct err *e)
{
	AUTO_MEM char *plain_path = kfile_modinfo_plain_path(path);
	AUTO_MEM void *plain = NULL;

	if (unpack_kind(data, n) != UNPACK_PLAIN) {
		if (unpack_decompress(data, n, KFILE_MODULE_MAX, &plain, &n, e) < 0)
			return err_wrap(e, "module '%s'", path);
		data = plain;
	}
	if (kfile_modset_add(m->set, plain_path, data, n, e) < 0)
		return -1;
	return put(m, plain_path, mtime_s, data, n, e);
}

int kernel_modules_add(struct modules *m, const char *path, int64_t mtime_s, const void *data, size_t n, struct err *e)
{
	if (kfile_modinfo_is_module(path))
		return add_module(m, path, mtime_s, data, n, e);
	if (str_eq(path, "modules.order"))
		kfile_modset_order(m->set, data, n);
	else if (str_eq(path, "modules.builtin"))
		kfile_modset_builtin(m->set, data, n);
	else if (str_eq(path, "modules.builtin.modinfo"))
		kfile_modset_builtin_modinfo(m->set, data, n);
	else
		return 0;
	return put(m, path, mtime_s, data, n, e);
}

static int put_index(void *arg, const char *name, const void *data, size_t n, struct err *e)
{
	struct modules *m = arg;

	return put(m, name, m->newest_s, data, n, e);
}

static MUST int tail_add(struct modules *m, size_t i, struct str *out, struct str *order, struct err *e)
{
	const char *path = kfile_modset_path(m->set, i), *slash = strrchr(path, '/');
	AUTO_MEM char *name = mem_printf(INITRD_MODULES "/%s", slash ? slash + 1 : path);
	AUTO_MEM char *data = NULL;
	size_t n;

	if (ext4_read_file(m->fs, path, KFILE_MODULE_MAX, &data, &n, e) < 0)
		return -1;
	kfile_initrd_add(out, name, S_IFREG | 0644, data, n, 0, 0);
	str_addf(order, "%s\n", name + strlen(INITRD_MODULES "/"));
	return 0;
}

static MUST int write_tail(struct modules *m, struct err *e)
{
	AUTO_DONE(kfile_modorder_done) struct modorder o = { 0 };
	AUTO_DONE(str_done) struct str out = STR_INIT;
	AUTO_DONE(str_done) struct str order = STR_INIT;

	if (kfile_modorder(m->set, MODORDER_GUEST, &o, e) < 0) {
		err_hint(e, "choose a kernel that has these drivers, built in or as modules");
		return -1;
	}
	for (size_t i = 0; i < o.n; i++)
		if (tail_add(m, o.v[i], &out, &order, e) < 0)
			return -1;
	kfile_initrd_add(&out, INITRD_ORDER, S_IFREG | 0644, order.data, order.len, 0, 0);
	kfile_initrd_end(&out);
	return kernel_write_file(m->tail, out.data, out.len, e);
}

int kernel_modules_end(struct modules *m, const char *release, struct err *e)
{
	const char *built_for = kfile_modset_release(m->set);

	if (built_for && !str_eq(built_for, release))
		return err_set(e, ERR_INVALID, "modules are for '%s', but the kernel is '%s'", built_for, release);
	if (kfile_modset_finish(m->set, e) < 0 || kfile_modindex_write(m->set, put_index, m, e) < 0 || write_tail(m, e) < 0)
		return -1;
	return ext4_close(TAKE_PTR(m->fs), e);
}

size_t kernel_modules_count(const struct modules *m)
{
	return kfile_modset_count(m->set);
}

bool kernel_modules_has(const struct modules *m, const char *name)
{
	return kfile_modorder_has(m->set, name);
}
