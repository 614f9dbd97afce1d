/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What may stand in a place of the command line: commands, options, and words that the caller knows. */
#include <string.h>

#include "base/auto.h"
#include "base/opt_internal.h"

/* Where the words before the last one lead. */
struct place {
	const struct opt_command *command;
	const struct opt *wants; /* the option whose value comes next */
	size_t n_args;
	bool leaf, rest;
};

static void add_candidate(struct str *out, const char *prefix, const char *lead, const char *word, const char *help)
{
	AUTO_DONE(str_done) struct str whole = STR_INIT;

	str_addf(&whole, "%s%s", lead, word);
	if (!str_starts(whole.data, prefix))
		return;
	str_addf(
		out, "%s%s%.*s\n", whole.data, help ? "\t" : "", help ? (int)strcspn(help, "\n") : 0, help ? help : "");
}

/* The caller's words of a kind, those that begin as prefix does. */
static void add_words(int words, const char *prefix, const char *lead, opt_words_fn fn, void *arg, struct str *out)
{
	AUTO_DONE(str_done) struct str all = STR_INIT;
	char *line, *rest;

	if (words == OPT_WORDS_FILE || words == OPT_WORDS_DIR) {
		str_add(out, words == OPT_WORDS_FILE ? ":file\n" : ":dir\n");
		return;
	}
	if (words < OPT_WORDS_OWN || !fn)
		return;
	fn(words, &all, arg);
	for (line = all.data; line && *line; line = rest) {
		char *help;

		rest = line + strcspn(line, "\n");
		if (*rest)
			*rest++ = 0;
		help = strchr(line, '\t');
		if (help)
			*help++ = 0;
		add_candidate(out, prefix, lead, line, help);
	}
}

static void add_values(
	const struct opt *o, const char *prefix, const char *lead, opt_words_fn fn, void *arg, struct str *out)
{
	for (int i = 0; o->kind == OPT_CHOICE && o->choices[i]; i++)
		add_candidate(out, prefix, lead, o->choices[i], NULL);
	add_words(o->words, prefix, lead, fn, arg, out);
}

static void step(const struct opt_command *root, struct place *at, const char *word)
{
	const struct opt_command *child;
	const char *value;
	bool negated;

	if (at->wants) {
		at->wants = NULL;
	} else if (at->rest) {
		return;
	} else if (str_eq(word, "--")) {
		at->rest = true;
	} else if (opt_is_word(word)) {
		const struct opt *o = opt_find(at->command->opts, word, &value, &negated);

		o = o ? o : opt_find(root->opts, word, &value, &negated);
		if (o && opt_takes_value(o) && !value)
			at->wants = o;
	} else if (at->leaf) {
		at->n_args++;
	} else {
		child = opt_child(at->command, word);
		at->leaf = !child || !child->children;
		if (child)
			at->command = child;
	}
}

static void complete_option(const struct opt_command *root, const struct place *at, const char *last, opt_words_fn fn,
	void *arg, struct str *out)
{
	const struct opt *tables[] = { at->command->opts, at->command == root ? NULL : root->opts };
	const char *equals = strchr(last, '=');

	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		for (const struct opt *o = tables[t]; o && o->name; o++) {
			AUTO_DONE(str_done) struct str lead = STR_INIT;

			str_addf(&lead, "--%s=", o->name);
			if (!equals)
				add_candidate(out, last, "--", o->name, o->help);
			else if (str_starts(last, lead.data) && opt_takes_value(o))
				add_values(o, last, lead.data, fn, arg, out);
			if (!equals && o->kind == OPT_SWITCH)
				add_candidate(out, last, "--no-", o->name, NULL);
		}
	}
	if (!equals)
		add_candidate(out, last, "--", "help", NULL);
}

static void complete_arg(const struct place *at, const char *last, opt_words_fn fn, void *arg, struct str *out)
{
	size_t i = 0;

	for (const struct opt_arg *a = at->command->args; a && a->name; a++, i++)
		if (i == at->n_args || a->many) {
			add_words(a->words, last, "", fn, arg, out);
			return;
		}
}

void opt_complete(
	const struct opt_command *root, size_t n, const char *const *words, opt_words_fn fn, void *arg, struct str *out)
{
	struct place at = { .command = root };
	const char *last = n ? words[n - 1] : "";

	for (size_t i = 0; i + 1 < n; i++)
		step(root, &at, words[i]);
	if (at.wants)
		add_values(at.wants, last, "", fn, arg, out);
	else if (at.rest)
		return;
	else if (last[0] == '-')
		complete_option(root, &at, last, fn, arg, out);
	else if (at.leaf)
		complete_arg(&at, last, fn, arg, out);
	else
		for (size_t i = 0; at.command->children && at.command->children[i]; i++)
			if (!at.command->children[i]->hidden)
				add_candidate(
					out, last, "", at.command->children[i]->name, at.command->children[i]->brief);
}
