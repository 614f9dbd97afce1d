/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/opt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/opt_internal.h"

#define NEAREST_MAX 40 /* longer words are not compared */
#define N_CANDIDATES 64

/* A parse under way. */
struct parser {
	const struct opt_command *root;
	struct opt_parsed *out;
	void *globals;
	size_t n_args; /* arguments by place so far */
	bool rest;     /* all that follows is the rest */
};

/* Edits that make one word the other: letters inserted, left out, exchanged or swapped with their neighbour. */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[3][NEAREST_MAX + 2];
	size_t n = strlen(a), m = strlen(b);
	unsigned *before = rows[0], *last = rows[1], *now = rows[2];

	for (size_t j = 0; j <= m; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned *oldest = before;

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);

			best = last[j] + 1 < best ? last[j] + 1 : best;
			best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			now[j] = best;
		}
		before = last;
		last = now;
		now = oldest;
	}
	return last[m];
}

const char *opt_nearest(const char *word, const char *const *candidates)
{
	const char *best = NULL;
	unsigned least = (unsigned)strlen(word) / 3 + 1;

	if (strlen(word) > NEAREST_MAX)
		return NULL;
	for (; *candidates; candidates++) {
		unsigned d;

		if (strlen(*candidates) > NEAREST_MAX)
			continue;
		d = strlen(word) > 2 && str_starts(*candidates, word) ? 1 : distance(word, *candidates);
		if (d > least || (d == least && best))
			continue;
		least = d;
		best = *candidates;
	}
	return best;
}

const struct opt_command *opt_child(const struct opt_command *group, const char *name)
{
	for (size_t i = 0; group->children && group->children[i]; i++) {
		const struct opt_command *c = group->children[i];

		if (str_eq(c->name, name))
			return c->same_as ? c->same_as : c;
	}
	return NULL;
}

const struct opt *opt_find(const struct opt *opts, const char *word, const char **ret_value, bool *ret_negated)
{
	const char *name = word + 2, *equals = strchr(word, '=');
	size_t n = equals ? (size_t)(equals - name) : strlen(word) - 2;

	*ret_value = NULL;
	*ret_negated = false;
	for (; opts && opts->name; opts++) {
		if (word[1] != '-') {
			if (!opts->letter || opts->letter != word[1])
				continue;
			*ret_value = word[2] ? word + 2 : NULL;
			return opts;
		}
		*ret_value = equals ? equals + 1 : NULL;
		if (strlen(opts->name) == n && strncmp(opts->name, name, n) == 0)
			return opts;
		if (opts->kind == OPT_SWITCH && n == strlen(opts->name) + 3 && str_starts(name, "no-") &&
			strncmp(name + 3, opts->name, n - 3) == 0) {
			*ret_negated = true;
			return opts;
		}
	}
	return NULL;
}

static void list_add(struct opt_list *l, const char *word)
{
	l->items = mem_grow(l->items, l->n, sizeof(*l->items));
	l->items[l->n++] = word;
}

static MUST int choose(const struct opt *o, const char *what, const char *value, int *ret, struct err *e)
{
	AUTO_DONE(str_done) struct str all = STR_INIT;

	for (int i = 0; o->choices[i]; i++) {
		if (str_eq(o->choices[i], value)) {
			*ret = i + 1;
			return 0;
		}
		str_addf(&all, "%s%s", i ? ", " : "", o->choices[i]);
	}
	return err_set(e, ERR_INVALID, "%s '%s' is none of %s", what, value, all.data);
}

static MUST int store_size(const struct opt *o, const char *what, const char *value, int64_t *ret, struct err *e)
{
	char least[16], most[16];
	int64_t mib;

	if (str_to_mib(value, what, &mib, e) < 0)
		return -1;
	if (mib < o->min || (o->max && mib > o->max))
		return err_set(e, ERR_INVALID, "%s '%s' is not between %s and %s", what, value,
			str_bytes((uint64_t)o->min << 20, least),
			o->max ? str_bytes((uint64_t)o->max << 20, most) : "the file system's limit");
	*ret = mib;
	return 0;
}

static MUST int store(const struct opt *o, const char *value, bool negated, void *in, struct err *e)
{
	void *at = (char *)in + o->at;
	char what[64];

	snprintf(what, sizeof(what), "--%s", o->name);
	switch (o->kind) {
	case OPT_FLAG:
		*(bool *)at = true;
		break;
	case OPT_SWITCH:
		*(int *)at = negated ? -1 : 1;
		break;
	case OPT_STRING:
		*(const char **)at = value;
		break;
	case OPT_INT:
		return str_to_int(value, o->min, o->max ? o->max : INT64_MAX, what, at, e);
	case OPT_MIB:
		return store_size(o, what, value, at, e);
	case OPT_CHOICE:
		return choose(o, what, value, at, e);
	case OPT_LIST:
		list_add(at, value);
		break;
	}
	return 0;
}

static int unknown_option(const struct parser *p, const char *word, struct err *e)
{
	const struct opt *tables[] = { p->out->command->opts, p->root->opts };
	const char *candidates[N_CANDIDATES + 1];
	const char *near;
	char name[NEAREST_MAX + 1];
	size_t n = 0;

	for (size_t t = 0; t < ARRAY_LEN(tables); t++)
		for (const struct opt *o = tables[t]; o && o->name && n < N_CANDIDATES; o++)
			candidates[n++] = o->name;
	candidates[n] = NULL;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	near = str_starts(name, "--") ? opt_nearest(name + 2, candidates) : NULL;
	err_set(e, ERR_INVALID, "unknown option '%s'", name);
	if (near)
		return err_hint(e, "did you mean '--%s'?", near);
	return err_hint(e, "%s%s%s --help lists the options", p->root->name, *p->out->path ? " " : "", p->out->path);
}

/* Finds the option of the command, else of the root; *ret_into is the struct it fills. */
static const struct opt *lookup(
	const struct parser *p, const char *word, const char **ret_value, bool *ret_negated, void **ret_into)
{
	const struct opt *o = p->out->in ? opt_find(p->out->command->opts, word, ret_value, ret_negated) : NULL;

	*ret_into = p->out->in;
	if (o)
		return o;
	*ret_into = p->globals;
	return opt_find(p->root->opts, word, ret_value, ret_negated);
}

static MUST int take_value(
	const struct opt *o, const char *value, const char *next, void *into, bool *used, struct err *e)
{
	*used = !value;
	value = value ? value : next;
	if (!value)
		return err_set(e, ERR_INVALID, "option '--%s' needs a value (%s)", o->name, o->arg);
	return store(o, value, false, into, e);
}

static MUST int take_long(struct parser *p, const char *word, const char *next, bool *used, struct err *e)
{
	const char *value;
	bool negated;
	void *into;
	const struct opt *o = lookup(p, word, &value, &negated, &into);

	if (!o && str_eq(word, "--help")) {
		p->out->help = true;
		return 0;
	}
	if (!o)
		return unknown_option(p, word, e);
	if (opt_takes_value(o))
		return take_value(o, value, next, into, used, e);
	if (value)
		return err_set(e, ERR_INVALID, "option '--%s' takes no value", o->name);
	return store(o, NULL, negated, into, e);
}

/* A word of letters: "-f", "-df", "-nVALUE". */
static MUST int take_letters(struct parser *p, const char *word, const char *next, bool *used, struct err *e)
{
	for (const char *letter = word + 1; *letter; letter++) {
		char single[] = { '-', *letter, 0 };
		const char *value;
		bool negated;
		void *into;
		const struct opt *o = lookup(p, single, &value, &negated, &into);

		if (!o && *letter == 'h') {
			p->out->help = true;
			return 0;
		}
		if (!o)
			return unknown_option(p, single, e);
		if (opt_takes_value(o))
			return take_value(o, letter[1] ? letter + 1 : NULL, next, into, used, e);
		if (store(o, NULL, false, into, e) < 0)
			return -1;
	}
	return 0;
}

static int unknown_command(const struct parser *p, const char *word, struct err *e)
{
	const struct opt_command *group = p->out->command;
	const char *candidates[N_CANDIDATES + 1];
	const char *space = *p->out->path ? " " : "";
	const char *near;
	size_t n = 0;

	for (size_t i = 0; group->children[i] && n < N_CANDIDATES; i++)
		if (!group->children[i]->hidden)
			candidates[n++] = group->children[i]->name;
	candidates[n] = NULL;
	near = opt_nearest(word, candidates);
	err_set(e, ERR_INVALID, "unknown command '%s%s%s'", p->out->path, space, word);
	if (near)
		return err_hint(e, "did you mean '%s %s%s%s'?", p->root->name, p->out->path, space, near);
	return err_hint(e, "%s%s%s --help lists the commands", p->root->name, space, p->out->path);
}

static MUST int enter(struct parser *p, const char *word, struct err *e)
{
	const struct opt_command *c = opt_child(p->out->command, word);
	size_t n = strlen(p->out->path);

	if (!c)
		return unknown_command(p, word, e);
	snprintf(p->out->path + n, sizeof(p->out->path) - n, "%s%s", n ? " " : "", word);
	p->out->command = c;
	if (!c->children)
		p->out->in = mem_new(c->in_size ? c->in_size : 1);
	return 0;
}

static const struct opt_arg *arg_at(const struct opt_command *c, size_t n)
{
	for (size_t i = 0; c->args && c->args[i].name; i++)
		if (i == n || c->args[i].many)
			return &c->args[i];
	return NULL;
}

static struct opt_list *rest_of(struct opt_parsed *out)
{
	return (struct opt_list *)(void *)((char *)out->in + out->command->rest_at);
}

static MUST int take_arg(struct parser *p, const char *word, struct err *e)
{
	const struct opt_command *c = p->out->command;
	const struct opt_arg *a = arg_at(c, p->n_args);

	if (!a && c->rest && c->rest_bare) {
		p->rest = true;
		list_add(rest_of(p->out), word);
		return 0;
	}
	if (!a) {
		err_set(e, ERR_INVALID, "unexpected argument '%s'", word);
		if (c->rest)
			return err_hint(e, "a command for the guest goes behind '--': %s %s -- %s", p->root->name,
				p->out->path, word);
		return err_hint(e, "%s %s --help shows how it is called", p->root->name, p->out->path);
	}
	p->n_args++;
	if (a->many)
		list_add((struct opt_list *)(void *)((char *)p->out->in + a->at), word);
	else
		*(const char **)(void *)((char *)p->out->in + a->at) = word;
	return 0;
}

static MUST int take_word(struct parser *p, const char *word, const char *next, bool *used, struct err *e)
{
	struct opt_parsed *out = p->out;

	if (p->rest) {
		list_add(rest_of(out), word);
		return 0;
	}
	if (str_eq(word, "--")) {
		if (!out->in || !out->command->rest)
			return err_set(e, ERR_INVALID, "nothing may follow '--' here");
		p->rest = true;
		return 0;
	}
	if (str_starts(word, "--"))
		return take_long(p, word, next, used, e);
	if (opt_is_word(word))
		return take_letters(p, word, next, used, e);
	return out->in ? take_arg(p, word, e) : enter(p, word, e);
}

static MUST int check_missing(const struct parser *p, struct err *e)
{
	const struct opt_command *c = p->out->command;

	for (size_t i = 0; c->args && c->args[i].name; i++) {
		if (i < p->n_args)
			continue;
		if (c->args[i].optional)
			return 0;
		err_set(e, ERR_INVALID, "%s is missing", c->args[i].name);
		return err_hint(e, "%s %s --help shows how it is called", p->root->name, p->out->path);
	}
	return 0;
}

int opt_parse(const struct opt_command *root, int argc, char *const *argv, void *globals, struct opt_parsed *ret,
	struct err *e)
{
	struct parser p = { .root = root, .out = ret, .globals = globals };

	*ret = (struct opt_parsed){ .command = root };
	for (int i = 1; i < argc && !ret->help; i++) {
		bool used = false;

		if (take_word(&p, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used, e) < 0)
			return *ret->path ? err_wrap(e, "%s", ret->path) : -1;
		i += used;
	}
	if (ret->help)
		return 0;
	if (!ret->in) {
		ret->help = true;
		return 0;
	}
	if (check_missing(&p, e) < 0)
		return err_wrap(e, "%s", ret->path);
	return 0;
}

void opt_done(struct opt_parsed *p)
{
	const struct opt_command *c = p->command;

	if (!p->in)
		return;
	for (const struct opt *o = c->opts; o && o->name; o++)
		if (o->kind == OPT_LIST)
			free(((struct opt_list *)(void *)((char *)p->in + o->at))->items);
	for (const struct opt_arg *a = c->args; a && a->name; a++)
		if (a->many)
			free(((struct opt_list *)(void *)((char *)p->in + a->at))->items);
	if (c->rest)
		free(rest_of(p)->items);
	free(p->in);
	p->in = NULL;
}
