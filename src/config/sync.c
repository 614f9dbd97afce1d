/* SPDX-License-Identifier: GPL-2.0-or-later */
/* [[file_sync]]: which of the owner's files a new VM gets. What can be said of them without looking at the disk is said here. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/opt.h"
#include "config/config_internal.h"

static const char *const names[] = { "host", "guest", "mode", NULL };

/* Messages count the entries as their reader does. */
struct entry {
	const struct config_cursor *at; /* the array */
	const struct toml_value *table;
	size_t number;
};

static bool has_dots(const char *path)
{
	for (const char *p = path; *p; p += strspn(p, "/")) {
		size_t n = strcspn(p, "/");

		if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return true;
		p += n;
	}
	return false;
}

static MUST int get_text(const struct entry *t, const char *key, const struct toml_value **ret_value, const char **ret, struct err *e)
{
	const struct toml_value *v = toml_get(t->table, key);

	if (!v)
		return toml_err(t->at->doc, t->table, e, "file_sync entry %zu has no '%s'", t->number, key);
	if (v->kind != TOML_STRING)
		return toml_err(t->at->doc, v, e, "'%s' of file_sync entry %zu must be a string, not %s", key, t->number, toml_kind_name(v->kind));
	if (!v->string.len || strlen(v->string.text) != v->string.len)
		return toml_err(t->at->doc, v, e, "'%s' of file_sync entry %zu must not be empty or hold a NUL character", key, t->number);
	*ret_value = v;
	*ret = v->string.text;
	return 0;
}

/* What stands behind "~/" or the folder that it means, without slashes at either end. */
static MUST int get_path(const struct entry *t, const char *key, const char *folder, char **ret, struct err *e)
{
	const struct toml_value *v;
	const char *text, *rest = NULL;
	size_t n = folder ? strlen(folder) : 0;

	if (get_text(t, key, &v, &text, e) < 0)
		return -1;
	if (str_starts(text, "~/"))
		rest = text + 2;
	else if (folder && strncmp(text, folder, n) == 0 && text[n] == '/')
		rest = text + n + 1;
	if (!rest || has_dots(rest) || !rest[strspn(rest, "/")])
		return toml_err(t->at->doc, v, e, "'%s' of file_sync entry %zu must be a path below ~/ or %s/, without '.' or '..', not \"%s\"", key,
			t->number, folder ? folder : "the home folder", text);
	rest += strspn(rest, "/");
	for (n = strlen(rest); rest[n - 1] == '/'; n--)
		;
	*ret = mem_strndup(rest, n);
	return 0;
}

static MUST int get_mode(const struct entry *t, int64_t *ret, struct err *e)
{
	const struct toml_value *v = toml_get(t->table, "mode");
	const char *text = v && v->kind == TOML_STRING ? v->string.text : "";
	size_t n = strlen(text);

	*ret = -1;
	if (!v)
		return 0;
	if (n < 3 || n > 4 || (n == 4 && *text != '0') || text[strspn(text, "01234567")])
		return toml_err(t->at->doc, v, e, "'mode' of file_sync entry %zu must be three octal digits such as \"0600\" or \"755\"", t->number);
	*ret = strtol(text, NULL, 8);
	return 0;
}

static MUST int check_names(const struct entry *t, struct err *e)
{
	for (size_t i = 0; i < t->table->list.n; i++) {
		const struct toml_value *v = t->table->list.items[i];
		const char *near;
		size_t k = 0;

		while (names[k] && !str_eq(names[k], v->key))
			k++;
		if (names[k])
			continue;
		near = opt_nearest(v->key, names);
		toml_err(t->at->doc, v, e, "unknown key 'file_sync.%s'", v->key);
		return near ? err_hint(e, "did you mean '%s'?", near) : err_hint(e, "an entry has host, guest and mode");
	}
	return 0;
}

static MUST int read_entry(const struct entry *t, struct config *c, struct err *e)
{
	struct config_sync s = { 0 };

	if (t->table->kind != TOML_TABLE)
		return toml_err(t->at->doc, t->table, e, "file_sync entry %zu must be a table, not %s", t->number, toml_kind_name(t->table->kind));
	if (check_names(t, e) < 0 || get_path(t, "host", t->at->home, &s.host, e) < 0)
		return -1;
	if (get_path(t, "guest", "/root", &s.guest, e) < 0 || get_mode(t, &s.mode, e) < 0) {
		free(s.host);
		free(s.guest);
		return -1;
	}
	c->sync = mem_grow(c->sync, c->n_sync, sizeof(*c->sync));
	c->sync[c->n_sync++] = s;
	for (size_t i = 0; i + 1 < c->n_sync; i++)
		if (str_eq(c->sync[i].guest, s.guest))
			return toml_err(t->at->doc, toml_get(t->table, "guest"), e, "file_sync entries %zu and %zu are both for '~/%s'", i + 1,
				t->number, s.guest);
	return 0;
}

int config_read_sync(const struct config_cursor *at, struct config *c, struct err *e)
{
	if (at->v->kind != TOML_ARRAY)
		return config_wrong(at, e, "an array of tables, [[file_sync]]");
	if (at->v->list.n > CONFIG_MAX_SYNC)
		return toml_err(at->doc, at->v, e, "'%s' takes %d entries at most", at->name, CONFIG_MAX_SYNC);
	config_drop_sync(c);
	for (size_t i = 0; i < at->v->list.n; i++) {
		struct entry t = { at, at->v->list.items[i], i + 1 };

		if (read_entry(&t, c, e) < 0)
			return -1;
	}
	return 0;
}

void config_drop_sync(struct config *c)
{
	while (c->n_sync) {
		free(c->sync[--c->n_sync].host);
		free(c->sync[c->n_sync].guest);
	}
	free(c->sync);
	c->sync = NULL;
}

void config_sync_text(const struct config *c, struct str *out)
{
	for (size_t i = 0; i < c->n_sync; i++) {
		const struct config_sync *s = &c->sync[i];

		str_addf(out, "%s~/%s", i ? ", " : "", s->host);
		if (!str_eq(s->host, s->guest))
			str_addf(out, " to ~/%s", s->guest);
		if (s->mode >= 0)
			str_addf(out, " (%04o)", (unsigned)s->mode);
	}
}
