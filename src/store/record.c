/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"

enum { RECORD_MAX = 1 << 20 };

static void encode(const struct json_type *type, const void *record, struct str *to)
{
	json_encode_pretty(type, record, to);
	str_add_char(to, '\n');
}

static char *note_path(const char *id)
{
	AUTO_MEM char *dir = layout_noted();

	return mem_printf("%s/%s.json", dir, id);
}

int record_save(enum layout_kind kind, const char *id, const struct json_type *type, const void *record, struct err *e)
{
	AUTO_MEM char *path = layout_record(kind, id);
	AUTO_DONE(str_done) struct str text = STR_INIT;

	encode(type, record, &text);
	return path_write_atomic(path, text.data, text.len, 0600, e);
}

int record_note(const char *id, const struct json_type *type, const void *record, struct err *e)
{
	AUTO_MEM char *path = note_path(id);
	AUTO_DONE(str_done) struct str text = STR_INIT;

	encode(type, record, &text);
	return path_write_whole(path, text.data, text.len, 0600, e);
}

int record_unnote(const char *id, struct err *e)
{
	AUTO_MEM char *path = note_path(id);

	return path_remove(path, e);
}

int record_remove(enum layout_kind kind, const char *id, struct err *e)
{
	AUTO_MEM char *path = layout_record(kind, id);
	AUTO_MEM char *dir = layout_records(kind);

	if (path_remove(path, e) < 0)
		return -1;
	return path_sync_dir(dir, e);
}

static MUST int load_one(const char *path, const struct json_type *type, size_t size, void **ret, struct err *e)
{
	AUTO_MEM char *text = NULL;
	void *record;
	size_t n;

	if (fd_read_file(AT_FDCWD, path, RECORD_MAX, &text, &n, e) < 0)
		return -1;
	record = mem_new(size);
	if (json_decode(type, text, n, 0, record, e) < 0) {
		free(record);
		return -1;
	}
	*ret = record;
	return 0;
}

/* What is done with the files of a folder of records. */
struct walk {
	const struct json_type *type; /* NULL: each is removed */
	size_t size;
	void (*fn)(void *record, void *arg);
	void (*on_bad)(const char *path, const struct err *why, void *arg);
	void *arg;
	bool remove_bad;
};

static void walk_file(const struct walk *w, const char *path)
{
	struct err why = { 0 };
	void *record;

	if (!w->type || str_ends(path, ".json.new")) {
		if (path_remove(path, &why) < 0 && w->on_bad)
			w->on_bad(path, &why, w->arg);
		return;
	}
	if (load_one(path, w->type, w->size, &record, &why) == 0) {
		w->fn(record, w->arg);
		return;
	}
	w->on_bad(path, &why, w->arg);
	if (w->remove_bad)
		unlink(path);
}

static MUST int walk_folder(const char *dir, const struct walk *w, struct err *e)
{
	DIR *d = opendir(dir);

	if (!d)
		return err_sys(e, errno, "read folder '%s'", dir);
	for (struct dirent *de; (de = readdir(d));) {
		AUTO_MEM char *path = mem_printf("%s/%s", dir, de->d_name);

		if (str_ends(de->d_name, ".json") || str_ends(de->d_name, ".json.new"))
			walk_file(w, path);
	}
	closedir(d);
	return 0;
}

int record_load_all(enum layout_kind kind, const struct json_type *type, size_t size, void (*fn)(void *record, void *arg),
		    void (*on_bad)(const char *path, const struct err *why, void *arg), void *arg, struct err *e)
{
	AUTO_MEM char *dir = layout_records(kind);
	const struct walk w = { type, size, fn, on_bad, arg, false };

	return walk_folder(dir, &w, e);
}

int record_load_noted(const struct json_type *type, size_t size, void (*fn)(void *record, void *arg),
		      void (*on_bad)(const char *path, const struct err *why, void *arg), void *arg, struct err *e)
{
	AUTO_MEM char *dir = layout_noted();
	const struct walk w = { type, size, fn, on_bad, arg, true };

	return walk_folder(dir, &w, e);
}

int record_unnote_all(struct err *e)
{
	AUTO_MEM char *dir = layout_noted();

	return walk_folder(dir, &(const struct walk){ 0 }, e);
}

int record_new_id(char ret_id[static 13], struct err *e)
{
	unsigned char r[6];

	if (getrandom(r, sizeof(r), 0) != (ssize_t)sizeof(r))
		return err_sys(e, errno, "random bytes");
	for (size_t i = 0; i < sizeof(r); i++)
		snprintf(ret_id + 2 * i, 3, "%02x", r[i]);
	return 0;
}
