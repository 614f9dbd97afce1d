/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/begin.h"
#include "daemon/daemon.h"
#include "daemon/jobs.h"
#include "daemon/objects.h"
#include "proto/server.h"
#include "store/record.h"

enum { LABEL_MAX = 63 };

/* Names of images and kernels may hold what file and tag names do. */
static MUST int check_new_name(struct daemon *d, enum layout_kind kind, const char *name, struct err *e)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	if (!*name || *name == '.' || *name == '-' || name[n] || n > LABEL_MAX) {
		err_set(e, ERR_INVALID, "%s name '%.80s' is not allowed", layout_kind_text(kind), name);
		return err_hint(e, "use 1 to %d of a-z A-Z 0-9 . _ -, beginning with a letter or digit", LABEL_MAX);
	}
	if (object_name_taken(d, kind, name)) {
		err_set(e, ERR_EXISTS, "%s '%s' exists already", layout_kind_text(kind), name);
		return err_hint(e, "banger %s delete %s, or choose another name", layout_kind_text(kind), name);
	}
	return 0;
}

/* Takes the request's descriptors in the order the worker counts on. */
static MUST int take_fds(const struct begin *b, const int64_t *indexes, size_t n, int *fds, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		fds[i] = varlink_call_take_fd(b->call, indexes[i]);
		if (fds[i] < 0) {
			while (i--)
				close(fds[i]);
			return err_set(e, ERR_INVALID, "the file to import did not come as a descriptor");
		}
	}
	return 0;
}

/* Runs the job of a new object, whose record is in the table; owns fds. */
static MUST int run_new(const struct begin *b, struct object *o, int *fds, size_t n_fds, struct err *e)
{
	struct job_begin how = { .method = b->method->name, .params = b->params, .on_failure = JOB_REMOVES, .cancellable = true, .call = b->call,
				 .fds = fds, .n_fds = n_fds };
	struct err ignored = { 0 };
	struct journal_entry **journal;
	struct job *j = NULL;
	size_t *n;

	if (job_new(o, &how, &j, e) == 0) {
		journal = object_journal(o, &n);
		*journal = NEW(struct journal_entry);
		**journal = (struct journal_entry){ .kind = JOURNAL_KIND_TREE, .path = layout_journal_files(o->kind, object_id(o)) };
		*n = 1;
		if (o->kind == LAYOUT_IMAGE)
			o->image.operation = mem_strdup(j->id);
		else
			o->kernel.operation = mem_strdup(j->id);
		if (object_save(o, e) == 0) {
			job_run(j);
			return 0;
		}
		job_drop(j);
	}
	for (size_t i = 0; i < n_fds; i++)
		close(fds[i]);
	/* A record left behind without files is undone at the next start. */
	if (object_remove(o, &ignored) < 0)
		object_forget(o);
	return -1;
}

int begin_image_import(const struct begin *b, struct err *e)
{
	const struct image_import_in *in = b->in;
	struct image_record r = { .version = 1, .state = IMAGE_STATE_IMPORTING, .created_at = (int64_t)time(NULL) };
	struct object *kernel = NULL;
	int fds[1];
	char id[13];

	if (check_new_name(b->daemon, LAYOUT_IMAGE, in->name, e) < 0 ||
	    (in->kernel && object_find(b->daemon, LAYOUT_KERNEL, in->kernel, &kernel, e) < 0) || record_new_id(id, e) < 0 ||
	    take_fds(b, &in->file, 1, fds, e) < 0)
		return -1;
	r.id = mem_strdup(id);
	r.name = mem_strdup(in->name);
	r.kernel = kernel ? mem_strdup(kernel->kernel.id) : NULL;
	r.source = mem_strdup(image_format_text(in->format));
	r.digest = mem_strdup("");
	return run_new(b, object_add(b->daemon, LAYOUT_IMAGE, &r), fds, 1, e);
}

int begin_kernel_import(const struct begin *b, struct err *e)
{
	const struct kernel_import_in *in = b->in;
	struct kernel_record r = { .version = 1, .state = IMAGE_STATE_IMPORTING, .created_at = (int64_t)time(NULL) };
	int64_t indexes[2] = { in->file, in->modules };
	size_t n = in->has_modules ? 2 : 1;
	int fds[2];
	char id[13];

	if (check_new_name(b->daemon, LAYOUT_KERNEL, in->name, e) < 0 || record_new_id(id, e) < 0)
		return -1;
	if (in->has_modules && in->format == KERNEL_FORMAT_DEB)
		return err_set(e, ERR_INVALID, "a .deb brings its own modules");
	if (take_fds(b, indexes, n, fds, e) < 0)
		return -1;
	r.id = mem_strdup(id);
	r.name = mem_strdup(in->name);
	r.source = mem_strdup(kernel_format_text(in->format));
	r.digest = mem_strdup("");
	r.release = mem_strdup("");
	return run_new(b, object_add(b->daemon, LAYOUT_KERNEL, &r), fds, n, e);
}

static MUST int begin_delete(const struct begin *b, struct object *o, struct err *e)
{
	struct job_begin how = { .method = b->method->name, .params = b->params, .on_failure = JOB_ERROR, .call = b->call };
	struct job *j;

	if (job_new(o, &how, &j, e) < 0)
		return -1;
	if (o->kind == LAYOUT_IMAGE)
		o->image.state = IMAGE_STATE_DELETING;
	else
		o->kernel.state = IMAGE_STATE_DELETING;
	if (object_save(o, e) < 0) {
		if (o->kind == LAYOUT_IMAGE)
			o->image.state = IMAGE_STATE_READY;
		else
			o->kernel.state = IMAGE_STATE_READY;
		job_drop(j);
		return -1;
	}
	job_run(j);
	return 0;
}

int begin_image_delete(const struct begin *b, struct err *e)
{
	const struct image_delete_in *in = b->in;
	struct object *image;

	if (object_find(b->daemon, LAYOUT_IMAGE, in->image, &image, e) < 0)
		return -1;
	objects_each(b->daemon, o) {
		if (o->kind == LAYOUT_VM && str_eq(o->vm.image, image->image.id)) {
			err_set(e, ERR_STATE, "delete image '%s': VM '%s' is made from it", image->image.name, o->vm.name);
			return err_hint(e, "banger vm delete %s", o->vm.name);
		}
	}
	return begin_delete(b, image, e);
}

int begin_kernel_delete(const struct begin *b, struct err *e)
{
	const struct kernel_delete_in *in = b->in;
	struct object *kernel;

	if (object_find(b->daemon, LAYOUT_KERNEL, in->kernel, &kernel, e) < 0)
		return -1;
	objects_each(b->daemon, o) {
		const char *user = o->kind == LAYOUT_VM ? o->vm.kernel : o->kind == LAYOUT_IMAGE ? o->image.kernel : NULL;
		if (user && str_eq(user, kernel->kernel.id)) {
			err_set(e, ERR_STATE, "delete kernel '%s': %s '%s' uses it", kernel->kernel.name, layout_kind_text(o->kind), object_name(o));
			return err_hint(e, "delete that first");
		}
	}
	return begin_delete(b, kernel, e);
}
