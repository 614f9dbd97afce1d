/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Holds for every command of the tree: it can be parsed, has help, and its options do not collide. */
#include "unit.h"

#include "base/auto.h"
#include "cli/cli_internal.h"

static void check_options(const struct opt_command *c)
{
	for (const struct opt *o = c->opts; o && o->name; o++) {
		assert_non_null(o->help);
		assert_true(o->arg != NULL || o->kind == OPT_FLAG || o->kind == OPT_SWITCH);
		assert_true(o->kind != OPT_CHOICE || o->choices);
		assert_true(o->at < c->in_size || c == &cli_root);
		assert_string_not_equal(o->name, "help");
		for (const struct opt *p = o + 1; p->name; p++) {
			assert_string_not_equal(o->name, p->name);
			assert_true(!o->letter || o->letter != p->letter);
		}
		for (const struct opt *g = cli_root.opts; c != &cli_root && g->name; g++) {
			assert_string_not_equal(o->name, g->name);
			assert_true(!o->letter || o->letter != g->letter);
		}
	}
}

static int walk(const struct opt_command *c, const char *path)
{
	AUTO_DONE(str_done) struct str page = STR_INIT;
	int n = 1;

	check_options(c);
	if (!c->hidden)
		assert_non_null(c->brief);
	opt_help(&cli_root, c, path, &page);
	assert_non_null(strstr(page.data, "Usage: banger"));
	assert_true((c->children != NULL) != (c->run != NULL));
	for (size_t i = 0; c->children && c->children[i]; i++) {
		char sub[80];

		snprintf(sub, sizeof(sub), "%s%s%s", path, *path ? " " : "", c->children[i]->name);
		if (!c->children[i]->same_as)
			n += walk(c->children[i], sub);
	}
	return n;
}

/* Examples are command lines that parse, up to the words after two blanks. */
static int check_examples(const struct opt_command *c)
{
	int n = 0;

	for (size_t i = 0; c->examples && c->examples[i]; i++) {
		const char *start = strstr(c->examples[i], "banger ");
		char copy[200], *argv[30], *end;
		struct opt_parsed parsed;
		struct cli cli = { 0 };
		struct err e = { 0 };
		int argc = 0;

		assert_non_null(start);
		snprintf(copy, sizeof(copy), "%s", start);
		end = strstr(copy, "  ");
		if (end)
			*end = 0;
		copy[strcspn(copy, ">)|")] = 0;
		for (char *w = strtok(copy, " "); w; w = strtok(NULL, " "))
			argv[argc++] = w;
		assert_ok(opt_parse(&cli_root, argc, argv, &cli, &parsed, &e));
		assert_false(parsed.help);
		opt_done(&parsed);
		n++;
	}
	for (size_t i = 0; c->children && c->children[i]; i++)
		n += check_examples(c->children[i]);
	return n;
}

static void test_tree(void **state)
{
	assert_true(walk(&cli_root, "") > 30);
}

static void test_examples(void **state)
{
	assert_true(check_examples(&cli_root) > 25);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_examples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
