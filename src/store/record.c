/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"

enum { RECORD_MAX = 1 << 20 };

int record_save(enum layout_kind kind, const char *id, const struct json_type *type, const void *record, struct err *e)
{
	AUTO_MEM char *path = layout_record(kind, id);
	AUTO_DONE(str_done) struct str text = STR_INIT;

	json_encode_pretty(type, record, &text);
	str_add_char(&text, '\n');
	return path_write_atomic(path, text.data, text.len, 0600, e);
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

int record_load_all(enum layout_kind kind, const struct json_type *type, size_t size, void (*fn)(void *record, void *arg),
		    void (*on_bad)(const char *path, const struct err *why, void *arg), void *arg, struct err *e)
{
	AUTO_MEM char *dir = layout_records(kind);
	DIR *d = opendir(dir);

	if (!d)
		return err_sys(e, errno, "read folder '%s'", dir);
	for (struct dirent *de; (de = readdir(d));) {
		AUTO_MEM char *path = mem_printf("%s/%s", dir, de->d_name);
		struct err why = { 0 };
		void *record;

		if (str_ends(de->d_name, ".json.new")) {
			if (path_remove(path, &why) < 0)
				on_bad(path, &why, arg);
		} else if (str_ends(de->d_name, ".json")) {
			if (load_one(path, type, size, &record, &why) < 0)
				on_bad(path, &why, arg);
			else
				fn(record, arg);
		}
	}
	closedir(d);
	return 0;
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
