/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Records on disk: one JSON object a file, replaced atomically. The daemon is their only writer.
 * What only this boot of the host can need, as the processes and networks of a VM, may be noted in the run folder instead, where it costs no sync. */

#include <stddef.h>

#include "base/err.h"
#include "store/layout.h"

struct json_type;

/* Writes record (a struct of type) by temp file, fsync, rename, fsync of the folder. */
MUST int record_save(enum layout_kind kind, const char *id, const struct json_type *type, const void *record, struct err *e);
/* Removes the record of an id; none is success. On disk when it returns. */
MUST int record_remove(enum layout_kind kind, const char *id, struct err *e);
/* Notes a VM's record, to stand for the one on disk until this boot ends or record_unnote. */
MUST int record_note(const char *id, const struct json_type *type, const void *record, struct err *e);
/* Removes a note; none is success. */
MUST int record_unnote(const char *id, struct err *e);
/* As record_load_all, for notes; one that cannot be read is removed as well. */
MUST int record_load_noted(const struct json_type *type, size_t size, void (*fn)(void *record, void *arg),
			   void (*on_bad)(const char *path, const struct err *why, void *arg), void *arg, struct err *e);
/* Removes all notes: of a boot that has ended. */
MUST int record_unnote_all(struct err *e);
/* Reads every record of a kind into a fresh struct of size bytes, which fn takes over (json_done and free). A record that cannot be
 * read is given to on_bad with its reason and left alone. Leftovers of an interrupted save are removed. */
MUST int record_load_all(enum layout_kind kind, const struct json_type *type, size_t size, void (*fn)(void *record, void *arg),
			 void (*on_bad)(const char *path, const struct err *why, void *arg), void *arg, struct err *e);
/* Fresh random id, 12 hexadecimal digits. */
MUST int record_new_id(char ret_id[static 13], struct err *e);
