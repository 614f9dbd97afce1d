/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <stdlib.h>

#include "base/str.h"
#include "cli/ssh.h"
#include "cli/web_probe.h"

#define BLOCK(path) "# >>> banger >>>\nInclude \"" path "\"\n# <<< banger <<<\n"

static const struct {
	const char *old, *settings;
	bool include;
	const char *want; /* NULL: nothing changes */
} cases[] = {
	{ NULL, "/s", true, BLOCK("/s") },
	{ "Host a\n", "/s", true, BLOCK("/s") "Host a\n" },
	{ BLOCK("/s") "Host a\n", "/s", true, NULL },
	/* another path, another place: the block moves to the top */
	{ BLOCK("/old") "Host a\n", "/s", true, BLOCK("/s") "Host a\n" },
	{ "Host a\n" BLOCK("/s") "Host b\n", "/s", true, BLOCK("/s") "Host a\nHost b\n" },
	{ NULL, "", false, NULL },
	{ "Host a\n", "", false, NULL },
	{ BLOCK("/s"), "", false, "" },
	{ "Host a\n" BLOCK("/s") "Host b", "", false, "Host a\nHost b" },
	/* what only looks like it stays */
	{ " # >>> banger >>>\nHost a\n", "", false, NULL },
	{ "# >>> banger >>>\nHost a\n", "", false, NULL },
};

static void test_user_config(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_MEM char *got = ssh_user_config_text(cases[i].old, cases[i].settings, cases[i].include);

		if (cases[i].want)
			assert_string_equal(got, cases[i].want);
		else
			assert_null(got);
	}
}

static const struct {
	const char *word, *want;
} words[] = {
	{ "ls", "ls" },
	{ "", "''" },
	{ "-x", "'-x'" },
	{ "a b", "'a b'" },
	{ "it's", "'it'\\''s'" },
	{ "$HOME", "'$HOME'" },
	{ "/a/b.c:d=1,2", "/a/b.c:d=1,2" },
	{ "~", "'~'" },
};

static void test_quoting(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		AUTO_DONE(str_done) struct str s = STR_INIT;

		ssh_add_quoted(&s, words[i].word);
		assert_string_equal(s.data, words[i].want);
	}
}

static void test_web_answers(void **state)
{
	int unsure;

	assert_int_equal(web_http_answer("HTTP/1.0 200 OK", 15, &unsure), WEB_HTTP);
	assert_false(unsure);
	assert_int_equal(web_http_answer("HTTP/1.1 400 Bad", 16, &unsure), WEB_HTTP);
	assert_true(unsure);
	assert_int_equal(web_http_answer("SSH-2.0-OpenSSH", 15, &unsure), WEB_NONE);
	assert_int_equal(web_http_answer("", 0, &unsure), WEB_NONE);
	assert_true(unsure);
	assert_int_equal(web_tls_answer("\25\3\3\0\2\2\50", 7), WEB_HTTPS);
	assert_int_equal(web_tls_answer("\26\3", 2), WEB_HTTPS);
	assert_int_equal(web_tls_answer("\25", 1), WEB_NONE);
	assert_int_equal(web_tls_answer("HTTP", 4), WEB_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_user_config), cmocka_unit_test(test_quoting), cmocka_unit_test(test_web_answers) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
