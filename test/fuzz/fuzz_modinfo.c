/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel's modules, and what the set, the indexes and the order make of them. Input: one module's file; or parts, each begun by "\n%%" and a letter:
 * m and a path up to the line's end for a module, o for modules.order, b for modules.builtin, i for modules.builtin.modinfo. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kfile/modindex.h"
#include "kfile/modorder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char mark[] = "\n%%";
enum { MARK = sizeof(mark) - 1 };

static int drop(void *arg, const char *name, const void *data, size_t n, struct err *e)
{
	return 0;
}

static void add_module(struct modset *s, const char *path, const void *data, size_t n)
{
	struct err e = { 0 };

	if (kfile_modset_add(s, path, data, n, &e) < 0 && (e.code == ERR_NONE || !e.msg[0]))
		abort();
}

static void add_part(struct modset *s, const char *p, size_t n)
{
	const char *line = memchr(p, '\n', n);

	switch (p[0]) {
	case 'm':
		if (line) {
			AUTO_MEM char *path = mem_strndup(p + 1, (size_t)(line - p) - 1);
			add_module(s, path, line + 1, n - (size_t)(line + 1 - p));
		}
		break;
	case 'o':
		kfile_modset_order(s, p + 1, n - 1);
		break;
	case 'b':
		kfile_modset_builtin(s, p + 1, n - 1);
		break;
	case 'i':
		kfile_modset_builtin_modinfo(s, p + 1, n - 1);
		break;
	}
}

static void add_parts(struct modset *s, const char *p, size_t n)
{
	while (n > MARK) {
		const char *next = memmem(p + MARK, n - MARK, mark, MARK);
		size_t part = next ? (size_t)(next - p) : n;

		if (part > MARK)
			add_part(s, p + MARK, part - MARK);
		p += part;
		n -= part;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct modorder_want any[] = { { "fuzz", 0 }, { NULL, 0 } };
	static const struct modorder_want must[] = { { "fuzz", 0 }, { "need-one", 1 }, { "need_other", 1 }, { "built", 2 }, { NULL, 0 } };
	AUTO(kfile_modset_free) struct modset *s = kfile_modset_new();
	struct modorder o;
	struct err e = { 0 };

	if (size > MARK && memcmp(data, mark, MARK) == 0) {
		add_parts(s, (const char *)data, size);
	} else {
		add_module(s, "kernel/fuzz.ko", data, size);
		kfile_modset_builtin(s, data, size);
		kfile_modset_builtin_modinfo(s, data, size);
	}
	if (kfile_modset_finish(s, &e) < 0) {
		if (!e.msg[0])
			abort();
		return 0;
	}
	for (size_t i = 0; i < kfile_modset_count(s); i++)
		if (!kfile_modset_path(s, i) || kfile_modset_find(s, kfile_modset_name(s, i)) == SIZE_MAX)
			abort();
	kfile_modset_release(s);
	if (kfile_modindex_write(s, drop, NULL, &e) < 0 || kfile_modorder(s, any, &o, &e) < 0)
		abort();
	kfile_modorder_done(&o);
	if (kfile_modorder(s, must, &o, &e) == 0)
		kfile_modorder_done(&o);
	else if (!e.msg[0])
		abort();
	return 0;
}
