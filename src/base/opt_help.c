/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Help pages from the tables. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/opt_internal.h"

#define WIDTH 100     /* of a page */
#define COLUMN_MAX 34 /* longer left sides get a line of their own */

/* Words of text from column `indent` on, broken before WIDTH. */
static void add_wrapped(struct str *out, const char *text, size_t indent)
{
	size_t column = indent;

	while (*text) {
		size_t n = strcspn(text, " \n");

		if (column > indent && column + 1 + n > WIDTH) {
			str_addf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			str_add_char(out, ' ');
			column++;
		}
		str_add_bytes(out, text, n);
		column += n;
		text += n;
		if (*text == '\n') {
			str_addf(out, "\n%*s", (int)indent, "");
			column = indent;
		}
		text += *text != 0;
	}
	str_add_char(out, '\n');
}

static void add_row(struct str *out, const char *left, size_t width, const char *right)
{
	str_addf(out, "  %-*s  ", (int)width, left);
	if (strlen(left) > width)
		str_addf(out, "\n%*s", (int)width + 4, "");
	add_wrapped(out, right, width + 4);
}

static void add_arg(struct str *out, const struct opt_arg *a)
{
	str_addf(out, a->optional ? " [%s%s]" : " %s%s", a->name, a->many ? "..." : "");
}

static void add_usage(struct str *out, const struct opt_command *root, const struct opt_command *c, const char *path)
{
	str_addf(out, "Usage: %s%s%s", root->name, *path ? " " : "", path);
	if (c->children)
		str_add(out, " COMMAND");
	if (c->opts && c->opts->name && !c->children)
		str_add(out, " [OPTIONS]");
	for (const struct opt_arg *a = c->args; a && a->name; a++)
		add_arg(out, a);
	if (c->rest)
		str_addf(out, c->rest_bare ? " [--] %s..." : " [-- %s...]", c->rest);
	str_add_char(out, '\n');
}

/* "  -d, --detach", "      --name NAME". */
static void option_left(const struct opt *o, struct str *out)
{
	if (o->letter)
		str_addf(out, "-%c, ", o->letter);
	else
		str_add(out, "    ");
	str_addf(out, "--%s%s", o->kind == OPT_SWITCH ? "[no-]" : "", o->name);
	if (o->arg)
		str_addf(out, " %s", o->arg);
}

static void option_right(const struct opt *o, struct str *out)
{
	str_add(out, o->help);
	for (int i = 0; o->kind == OPT_CHOICE && o->choices[i]; i++)
		str_addf(out, "%s%s", i ? ", " : ": ", o->choices[i]);
	if (o->fallback) {
		AUTO_DONE(str_done) struct str value = STR_INIT;

		o->fallback(&value);
		if (value.len)
			str_addf(out, " (default %s)", value.data);
	}
}

static void add_options(struct str *out, const char *title, const struct opt *opts)
{
	size_t width = 0;

	if (!opts || !opts->name)
		return;
	for (int pass = 0; pass < 2; pass++) {
		if (pass)
			str_addf(out, "\n%s:\n", title);
		for (const struct opt *o = opts; o->name; o++) {
			AUTO_DONE(str_done) struct str left = STR_INIT;
			AUTO_DONE(str_done) struct str right = STR_INIT;

			option_left(o, &left);
			if (!pass && left.len > width && left.len <= COLUMN_MAX)
				width = left.len;
			if (!pass)
				continue;
			option_right(o, &right);
			add_row(out, left.data, width, right.data);
		}
	}
}

static void add_commands(struct str *out, const struct opt_command *group)
{
	size_t width = 0;

	str_add(out, "\nCommands:\n");
	for (size_t i = 0; group->children[i]; i++)
		if (!group->children[i]->hidden && strlen(group->children[i]->name) > width)
			width = strlen(group->children[i]->name);
	for (size_t i = 0; group->children[i]; i++)
		if (!group->children[i]->hidden)
			add_row(out, group->children[i]->name, width, group->children[i]->brief);
}

void opt_help(const struct opt_command *root, const struct opt_command *c, const char *path, struct str *out)
{
	add_usage(out, root, c, path);
	if (c->about || c->brief) {
		str_add_char(out, '\n');
		add_wrapped(out, c->about ? c->about : c->brief, 0);
	}
	if (c->children)
		add_commands(out, c);
	add_options(out, "Options", c == root ? NULL : c->opts);
	if (c == root)
		add_options(out, "Options anywhere before \"--\"", root->opts);
	if (c->examples)
		str_add(out, "\nExamples:\n");
	for (size_t i = 0; c->examples && c->examples[i]; i++)
		str_addf(out, "  %s\n", c->examples[i]);
	if (c->children)
		str_addf(out, "\n%s%s%s COMMAND --help tells more about a command.\n", root->name, *path ? " " : "",
			path);
}
