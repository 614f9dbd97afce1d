/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A module's file, and what the set, the indexes and the order make of it. */
#include <stdint.h>
#include <stdlib.h>

#include "kfile/modindex.h"
#include "kfile/modorder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int drop(void *arg, const char *name, const void *data, size_t n, struct err *e)
{
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct modorder_want wants[] = { { "fuzz", 0 }, { NULL, 0 } };
	AUTO(kfile_modset_free) struct modset *s = kfile_modset_new();
	struct modorder o;
	struct err e = { 0 };

	if (kfile_modset_add(s, "kernel/fuzz.ko", data, size, &e) < 0) {
		if (e.code == ERR_NONE || !e.msg[0])
			abort();
		return 0;
	}
	kfile_modset_builtin(s, data, size);
	kfile_modset_builtin_modinfo(s, data, size);
	if (kfile_modset_finish(s, &e) < 0 || kfile_modindex_write(s, drop, NULL, &e) < 0 || kfile_modorder(s, wants, &o, &e) < 0)
		abort();
	kfile_modorder_done(&o);
	return 0;
}
