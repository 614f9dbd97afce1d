/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "init/cmdline.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/str.h"

enum { DEVICE_NAME_MAX = 31 };

void cmdline_done(struct cmdline *c)
{
	free(c->root);
	free(c->base);
	free(c->store);
	free(c->work);
	free(c->modules);
	free(c->init);
	*c = (struct cmdline){ 0 };
}

static char **disk_slot(struct cmdline *c, const char *role, size_t n)
{
	const struct {
		const char *role;
		char **slot;
	} rows[] = { { "root", &c->root }, { "base", &c->base }, { "store", &c->store }, { "work", &c->work }, { "modules", &c->modules } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strlen(rows[i].role) == n && memcmp(rows[i].role, role, n) == 0)
			return rows[i].slot;
	return NULL;
}

/* "root:vda,work:vdb" */
static MUST int parse_disks(struct cmdline *c, const char *text, struct err *e)
{
	while (*text) {
		size_t n = strcspn(text, ",");
		const char *colon = memchr(text, ':', n);
		char **slot = colon ? disk_slot(c, text, (size_t)(colon - text)) : NULL;
		size_t name = colon ? n - (size_t)(colon + 1 - text) : 0;

		if (!slot || *slot || !name || name > DEVICE_NAME_MAX || memchr(colon + 1, '/', name))
			return err_set(e, ERR_INVALID, "kernel line: '%.*s' in banger.disks", (int)n, text);
		*slot = mem_strndup(colon + 1, name);
		text += n + (text[n] == ',');
	}
	return 0;
}

static MUST int parse_word(struct cmdline *c, const char *word, struct err *e)
{
	if (str_starts(word, "banger.disks="))
		return parse_disks(c, strchr(word, '=') + 1, e);
	if (str_starts(word, "banger.root_mib="))
		return str_to_int(strchr(word, '=') + 1, 0, 1 << 30, "banger.root_mib", &c->root_mib, e);
	if (str_starts(word, "banger.chunk="))
		return str_to_int(strchr(word, '=') + 1, 8, 16384, "banger.chunk", &c->chunk, e);
	if (str_starts(word, "init=") && word[5] == '/') {
		free(c->init);
		c->init = mem_strdup(word + 5);
	}
	return 0;
}

int cmdline_parse(const char *text, struct cmdline *ret, struct err *e)
{
	AUTO_DONE(cmdline_done) struct cmdline c = { .chunk = CMDLINE_CHUNK };

	while (*text) {
		size_t n = strcspn(text, " \t\n");
		AUTO_MEM char *word = mem_strndup(text, n);
		/* what follows -- is for the init */
		if (str_eq(word, "--"))
			break;
		if (parse_word(&c, word, e) < 0)
			return -1;
		text += n + strspn(text + n, " \t\n");
	}
	if (c.root ? c.base || c.store : !c.base != !c.store)
		return err_set(e, ERR_INVALID, "kernel line: banger.disks names neither a root nor both a base and a store");
	*ret = c;
	c = (struct cmdline){ 0 };
	return 0;
}
