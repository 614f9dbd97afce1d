/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "work/git_identity.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"

enum { FILE_MAX = 1 << 20, VALUE_MAX = 1 << 10, INCLUDES_MAX = 10 }; /* git's own bound of includes */

struct reader {
	const char *home, *file;
	const char *p;
	unsigned line, depth;
	char section[64]; /* "" when it is of no interest, as one with a subsection is */
	struct work_git_identity *to;
};

static MUST int read_file(const char *home, const char *file, unsigned depth, struct work_git_identity *to, struct err *e);

static int wrong(const struct reader *r, struct err *e, const char *what)
{
	return err_set(e, ERR_INVALID, "'%s' line %u: %s", r->file, r->line, what);
}

static void skip_line(struct reader *r)
{
	r->p += strcspn(r->p, "\n");
}

static void skip_blanks(struct reader *r)
{
	r->p += strspn(r->p, " \t\r");
}

/* Behind '[': name, perhaps a blank and a subsection in quotes. */
static MUST int read_section(struct reader *r, struct err *e)
{
	size_t n = strspn(r->p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");
	bool sub;

	if (!n)
		return wrong(r, e, "a section's name was expected");
	r->section[0] = 0;
	if (n < sizeof(r->section)) {
		memcpy(r->section, r->p, n);
		r->section[n] = 0;
	}
	r->p += n;
	skip_blanks(r);
	sub = *r->p == '"';
	if (sub) {
		for (r->p++; *r->p && *r->p != '"' && *r->p != '\n'; r->p++)
			if (*r->p == '\\' && r->p[1] && r->p[1] != '\n')
				r->p++;
		if (*r->p++ != '"')
			return wrong(r, e, "the section's name has no end");
		r->section[0] = 0;
	}
	if (*r->p++ != ']')
		return wrong(r, e, "the section has no ']'");
	return 0;
}

/* One character behind a backslash. */
static MUST int read_escape(struct reader *r, struct str *out, struct err *e)
{
	static const char from[] = "nbt\\\"", to[] = "\n\b\t\\\"";
	const char *at;

	if (r->p[0] == '\r' && r->p[1] == '\n')
		r->p++;
	if (*r->p == '\n') {
		r->line++;
		r->p++;
		return 0;
	}
	at = *r->p ? strchr(from, *r->p) : NULL;
	if (!at)
		return wrong(r, e, "a backslash before a character that needs none");
	str_add_char(out, to[at - from]);
	r->p++;
	return 0;
}

/* Behind '=': up to the line's end or a comment; quotes keep what they hold, blanks at the end are dropped. */
static MUST int read_value(struct reader *r, struct str *out, struct err *e)
{
	bool quoted = false;
	size_t keep = 0;

	skip_blanks(r);
	for (; *r->p && *r->p != '\n' && (quoted || !strchr("#;", *r->p));) {
		char c = *r->p++;

		if (c == '"') {
			quoted = !quoted;
			keep = out->len;
		} else if (c == '\\') {
			if (read_escape(r, out, e) < 0)
				return -1;
			keep = out->len;
		} else {
			str_add_char(out, c);
			if (quoted || !strchr(" \t\r", c))
				keep = out->len;
		}
		if (out->len > VALUE_MAX)
			return wrong(r, e, "a value is too long");
	}
	if (quoted)
		return wrong(r, e, "quotes without an end");
	skip_line(r);
	if (out->data) {
		out->len = keep;
		out->data[keep] = 0;
	}
	return 0;
}

/* Relative to the file that says so. A file that is not there is passed over. */
static MUST int include(struct reader *r, const char *value, struct err *e)
{
	AUTO_MEM char *dir = path_dirname(r->file);
	AUTO_MEM char *path = *value == '/'             ? mem_strdup(value)
			      : str_starts(value, "~/") ? mem_printf("%s%s", r->home, value + 1)
							: mem_printf("%s/%s", dir, value);

	if (r->depth == INCLUDES_MAX)
		return wrong(r, e, "files include each other without end");
	return *value == '~' && value[1] != '/' ? 0 : read_file(r->home, path, r->depth + 1, r->to, e);
}

static MUST int take(struct reader *r, const char *key, const char *value, struct err *e)
{
	char **at;

	if (strcasecmp(r->section, "include") == 0 && strcasecmp(key, "path") == 0)
		return include(r, value, e);
	at = strcasecmp(r->section, "user") != 0    ? NULL
	     : strcasecmp(key, "name") == 0  ? &r->to->name
	     : strcasecmp(key, "email") == 0 ? &r->to->email
					     : NULL;
	if (at) {
		free(*at);
		*at = mem_strdup(value);
	}
	return 0;
}

static MUST int read_variable(struct reader *r, struct err *e)
{
	AUTO_DONE(str_done) struct str value = STR_INIT;
	AUTO_MEM char *key = NULL;
	size_t n = 0;

	while (isalnum((unsigned char)r->p[n]) || r->p[n] == '-')
		n++;
	if (!n)
		return wrong(r, e, "a variable's name was expected");
	key = mem_strndup(r->p, n);
	r->p += n;
	skip_blanks(r);
	if (*r->p != '=') { /* true, which is nobody's name */
		if (*r->p && !strchr("\n#;", *r->p))
			return wrong(r, e, "a '=' was expected");
		skip_line(r);
		return 0;
	}
	r->p++;
	str_add(&value, "");
	return read_value(r, &value, e) < 0 ? -1 : take(r, key, value.data, e);
}

static MUST int read_text(struct reader *r, struct err *e)
{
	while (skip_blanks(r), *r->p) {
		if (*r->p == '\n') {
			r->line++;
			r->p++;
		} else if (*r->p == '#' || *r->p == ';') {
			skip_line(r);
		} else if (*r->p == '[') {
			r->p++;
			if (read_section(r, e) < 0)
				return -1;
		} else if (read_variable(r, e) < 0) {
			return -1;
		}
	}
	return 0;
}

static MUST int read_file(const char *home, const char *file, unsigned depth, struct work_git_identity *to, struct err *e)
{
	struct reader r = { .home = home, .file = file, .line = 1, .depth = depth, .to = to };
	AUTO_MEM char *text = NULL;

	if (fd_read_file(AT_FDCWD, file, FILE_MAX, &text, NULL, e) < 0) {
		if (e->sys != ENOENT && e->sys != ENOTDIR)
			return -1;
		err_clear(e);
		return 0;
	}
	r.p = str_starts(text, "\xef\xbb\xbf") ? text + 3 : text;
	return read_text(&r, e);
}

int work_git_identity_read(const char *home, const char *config, struct work_git_identity *ret, struct err *e)
{
	AUTO_DONE(work_git_identity_done) struct work_git_identity found = { 0 };
	AUTO_MEM char *xdg = config ? mem_printf("%s/git/config", config) : mem_printf("%s/.config/git/config", home);
	AUTO_MEM char *own = mem_printf("%s/.gitconfig", home);

	if (read_file(home, xdg, 0, &found, e) < 0 || read_file(home, own, 0, &found, e) < 0)
		return -1;
	*ret = found;
	found = (struct work_git_identity){ 0 };
	return 0;
}

static void write_value(const char *key, const char *value, struct str *out)
{
	if (!value)
		return;
	str_addf(out, "\t%s = \"", key);
	for (; *value; value++) {
		if (*value == '\n')
			str_add(out, "\\n");
		else if (*value == '"' || *value == '\\')
			str_addf(out, "\\%c", *value);
		else
			str_add_char(out, *value);
	}
	str_add(out, "\"\n");
}

void work_git_identity_write(const struct work_git_identity *i, struct str *out)
{
	if (!i->name && !i->email)
		return;
	str_add(out, "[user]\n");
	write_value("name", i->name, out);
	write_value("email", i->email, out);
}

void work_git_identity_done(struct work_git_identity *i)
{
	free(i->name);
	free(i->email);
	*i = (struct work_git_identity){ 0 };
}
