/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the reader takes and refuses, and where it says a mistake is. The public suite runs beside this (toml_suite.py). */
#include "unit.h"

#include <math.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/toml.h"

/* One line per value: path=kind value. */
static void flatten(const struct toml_value *v, const char *path, struct str *out)
{
	switch (v->kind) {
	case TOML_STRING:
		str_addf(out, "%s=s:", path);
		str_add_bytes(out, v->string.text, v->string.len);
		str_add(out, "\n");
		break;
	case TOML_INTEGER:
		str_addf(out, "%s=i:%lld\n", path, (long long)v->integer);
		break;
	case TOML_FLOAT:
		str_addf(out, "%s=f:%g\n", path, v->number);
		break;
	case TOML_BOOLEAN:
		str_addf(out, "%s=b:%d\n", path, v->boolean);
		break;
	case TOML_DATETIME:
		str_addf(out, "%s=t%u:%d-%d-%d %d:%d:%d.%09d %d\n", path, v->time.has, v->time.year, v->time.month,
			v->time.day, v->time.hour, v->time.minute, v->time.second, v->time.nanosecond,
			v->time.offset_minutes);
		break;
	case TOML_ARRAY:
	case TOML_TABLE:
		if (!v->list.n)
			str_addf(out, "%s=%s\n", path, v->kind == TOML_ARRAY ? "[]" : "{}");
		for (size_t i = 0; i < v->list.n; i++) {
			char *name = v->kind == TOML_TABLE
				? mem_printf("%s%s%s", path, *path ? "." : "", v->list.items[i]->key)
				: mem_printf("%s[%zu]", path, i);
			flatten(v->list.items[i], name, out);
			free(name);
		}
		break;
	}
}

static const struct {
	const char *text, *flat;
} valid[] = {
	{ "", "={}\n" },
	{ "\xef\xbb\xbf# only a comment", "={}\n" },
	{ "a = 1\r\nb=2 # two\n", "a=i:1\nb=i:2\n" },
	{ "a.b.c = true\na.b.d = false\n\"quoted key\".'x' = 0", "a.b.c=b:1\na.b.d=b:0\nquoted key.x=i:0\n" },
	{ "\"\" = 1\n1.2 = 3", "=i:1\n1.2=i:3\n" },
	{ "a = 0xDEAD_beef\nb = 0o755\nc = 0b1101\nd = -1_000\ne = +9",
		"a=i:3735928559\nb=i:493\nc=i:13\nd=i:-1000\ne=i:9\n" },
	{ "a = 9223372036854775807\nb = -9223372036854775808", "a=i:9223372036854775807\nb=i:-9223372036854775808\n" },
	{ "a = 1.5\nb = -2e3\nc = 6.02_2E+2\nd = inf\ne = -inf\nf = 0e0\ng=1e05",
		"a=f:1.5\nb=f:-2000\nc=f:602.2\nd=f:inf\ne=f:-inf\nf=f:0\ng=f:100000\n" },
	{ "a = \"x\\ty\\\"\\\\\\u00e9\\U0001F600\"", "a=s:x\ty\"\\\xc3\xa9\xf0\x9f\x98\x80\n" },
	{ "a = 'C:\\dir'", "a=s:C:\\dir\n" },
	{ "a = \"\"\"\r\none\r\ntwo \\\r\n   \n   three\"\"\"", "a=s:one\ntwo three\n" },
	{ "a = \"\"\"\"quoted\"\"\"\"\"\nb = '''''x'''''", "a=s:\"quoted\"\"\nb=s:''x''\n" },
	{ "a = []\nb = [1, [\"x\"], {c = 2}, # comment\n\n]\n", "a=[]\nb[0]=i:1\nb[1][0]=s:x\nb[2].c=i:2\n" },
	{ "a = {b.c = 1, d = {}}\n", "a.b.c=i:1\na.d={}\n" },
	{ "a = 1979-05-27T07:32:00.5Z\nb = 1979-05-27 07:32:00-07:30\nc = 2000-02-29\nd = 23:59:60.123456789\ne = "
	  "1979-05-27t07:32:00",
		"a=t7:1979-5-27 7:32:0.500000000 0\nb=t7:1979-5-27 7:32:0.000000000 -450\nc=t1:2000-2-29 "
		"0:0:0.000000000 0\n"
		"d=t2:0-0-0 23:59:60.123456789 0\ne=t3:1979-5-27 7:32:0.000000000 0\n" },
	{ "[a.b]\nx=1\n[a]\ny=2\n[a.b.c]\nz=3", "a.b.x=i:1\na.b.c.z=i:3\na.y=i:2\n" },
	{ "[[p]]\nn=1\n[p.q]\nm=2\n[[p]]\n[[p.r]]\n[[p.r]]\nk=1",
		"p[0].n=i:1\np[0].q.m=i:2\np[1].r[0]={}\np[1].r[1].k=i:1\n" },
	{ "[fruit]\napple.color=1\n[fruit.apple.texture]\nsmooth=true",
		"fruit.apple.color=i:1\nfruit.apple.texture.smooth=b:1\n" },
};

static const struct {
	const char *text, *error;
} invalid[] = {
	{ "a", "t:1:2: '=' was expected after key 'a'" },
	{ "a =", "t:1:4: a value was expected here" },
	{ "= 1", "t:1:1: a key was expected here" },
	{ "\n\n  a = 1 b = 2", "t:3:9: only a comment may follow a value on its line" },
	{ "a = 1\nb = 2\na = 3", "t:3:1: 'a' is defined twice, first on line 1" },
	{ "\xc3\xa9 = 1", "t:1:1: a key was expected here" },
	{ "a = '\xc3\xa9' x", "t:1:9: only a comment may follow a value on its line" },
	{ "a = \"\xff\"", "t:1:6: byte 0xff is not UTF-8" },
	{ "a = '\xed\xa0\x80'", "t:1:6: byte 0xed is not UTF-8" },
	{ "a = '\xc0\x80'", "t:1:6: byte 0xc0 is not UTF-8" },
	{ "a = '\xe2\x82", "t:1:6: byte 0xe2 is not UTF-8" },
	{ "# \x01", "t:1:3: control character 0x01 in a comment" },
	{ "a = 'x\x7f'", "t:1:7: control character 0x7f in a string" },
	{ "a = \"x\ny\"", "t:1:5: this string is not closed on its line" },
	{ "a = \"\"\"x\ny", "t:1:5: this string is never closed" },
	{ "a = \"\\q\"", "t:1:6: unknown escape in a string (a backslash itself is written '\\\\')" },
	{ "a = \"\\u12\"", "t:1:6: '\\u' needs 4 hexadecimal digits" },
	{ "a = \"\\ud800\"", "t:1:6: U+D800 is not a character" },
	{ "a = \"\\U00110000\"", "t:1:6: U+110000 is not a character" },
	{ "\"\"\"a\"\"\" = 1", "t:1:1: a multi-line string cannot be a key" },
	{ "a = yes", "t:1:5: 'yes' is not a value (text is written in quotes)" },
	{ "a = True", "t:1:5: 'True' is not a value (text is written in quotes)" },
	{ "a = 01", "t:1:5: '01' is not a number" },
	{ "a = 1__0", "t:1:5: '1__0' is not a number" },
	{ "a = 1.", "t:1:5: '1.' is not a number" },
	{ "a = .5", "t:1:5: '.5' is not a number" },
	{ "a = 1e", "t:1:5: '1e' is not a number" },
	{ "a = 0x", "t:1:5: '0x' is not a number" },
	{ "a = +0x1", "t:1:5: '+0x1' is not a number" },
	{ "a = 9223372036854775808", "t:1:5: '9223372036854775808' is not a number" },
	{ "a = 0xffffffffffffffff", "t:1:5: '0xffffffffffffffff' is not a number" },
	{ "a = 2001-02-29", "t:1:5: '2001-02-29' is not a date or time" },
	{ "a = 1900-02-29", "t:1:5: '1900-02-29' is not a date or time" },
	{ "a = 2001-13-01", "t:1:5: '2001-13-01' is not a date or time" },
	{ "a = 24:00:00", "t:1:5: '24:00:00' is not a date or time" },
	{ "a = 10:00", "t:1:5: '10:00' is not a date or time" },
	{ "a = 10:00:00.", "t:1:5: '10:00:00.' is not a date or time" },
	{ "a = 2001-01-01T10:00:00+24:00", "t:1:5: '2001-01-01T10:00:00+24:00' is not a date or time" },
	{ "a = [1 2]", "t:1:8: ',' or ']' was expected in an array" },
	{ "a = [1,,2]", "t:1:8: a value was expected here" },
	{ "a = {b = 1,}", "t:1:12: a key was expected here" },
	{ "a = {b = 1\n}", "t:1:11: ',' or '}' was expected in an inline table" },
	{ "a = {b = 1}\n[a.c]", "t:2:2: table 'a' is complete and takes no more keys" },
	{ "a = {b = 1}\na.c = 1", "t:2:1: table 'a' is complete and takes no more keys" },
	{ "a = 1\n[a]", "t:2:2: 'a' is defined twice, first on line 1" },
	{ "a = 1\na.b = 2", "t:2:1: 'a' is an integer, not a table" },
	{ "a = 1\n[a.b]", "t:2:2: 'a' is an integer, not a table" },
	{ "[a]\n[a]", "t:2:2: 'a' is defined twice, first on line 1" },
	{ "[a", "t:1:3: ']' was expected after the table's name 'a'" },
	{ "[[a]", "t:1:4: ']]' was expected after the table's name 'a'" },
	{ "[a] x", "t:1:5: only a comment may follow a table's header on its line" },
	{ "[]", "t:1:2: a key was expected here" },
	{ "a = [1]\n[[a]]", "t:2:3: 'a' is defined twice, first on line 1" },
	{ "[[a]]\n[a]", "t:2:2: 'a' is defined twice, first on line 1" },
	{ "[a]\n[[a]]", "t:2:3: 'a' is defined twice, first on line 1" },
	{ "[a.b.c]\n[a]\nb.d = 1", "t:3:1: table 'b' is complete and takes no more keys" },
	{ "[a]\nb.c = 1\n[a.b]", "t:3:4: 'b' is defined twice, first on line 2" },
	{ "a\rb = 1", "t:1:2: '=' was expected after key 'a'" },
};

static void test_valid(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(valid); i++) {
		AUTO_DONE(str_done) struct str flat = STR_INIT;
		AUTO(toml_free) struct toml *t = NULL;
		struct err e = { 0 };

		assert_ok(toml_parse(valid[i].text, strlen(valid[i].text), "t", &t, &e));
		flatten(&t->root, "", &flat);
		assert_string_equal(flat.data, valid[i].flat);
	}
}

static void test_invalid(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(invalid); i++) {
		struct toml *t = NULL;
		struct err e = { 0 };

		assert_int_equal(toml_parse(invalid[i].text, strlen(invalid[i].text), "t", &t, &e), -1);
		assert_null(t);
		assert_int_equal(e.code, ERR_INVALID);
		assert_string_equal(e.msg, invalid[i].error);
	}
}

static void test_limits(void **state)
{
	AUTO_DONE(str_done) struct str deep = STR_INIT;
	AUTO_DONE(str_done) struct str wide = STR_INIT;
	AUTO_DONE(str_done) struct str big = STR_INIT;
	AUTO(toml_free) struct toml *t = NULL;
	struct err e = { 0 };

	str_add(&deep, "a = ");
	for (int i = 0; i < TOML_MAX_DEPTH; i++)
		str_add(&deep, "[");
	assert_int_equal(toml_parse(deep.data, deep.len, "t", &t, &e), -1);
	assert_non_null(strstr(e.msg, "nested deeper than 48"));
	err_clear(&e);

	for (int i = 0; i <= TOML_MAX_KEYS; i++)
		str_addf(&wide, "k%d = 0\n", i);
	assert_int_equal(toml_parse(wide.data, wide.len, "t", &t, &e), -1);
	assert_non_null(strstr(e.msg, "t:4097:1: more than 4096 keys"));
	err_clear(&e);

	str_add(&big, "a = '");
	while (big.len <= TOML_MAX_BYTES)
		str_add(&big, "xxxxxxxxxxxxxxxx");
	assert_err(toml_parse(big.data, big.len, "t", &t, &e), ERR_INVALID);
	str_done(&big);
	str_add(&big, "a = ");
	for (int i = 0; i < 300; i++)
		str_add(&big, "1");
	assert_int_equal(toml_parse(big.data, big.len, "t", &t, &e), -1);
	assert_string_equal(e.msg, "t:1:5: this value is longer than 200 characters");
}

static void test_access(void **state)
{
	AUTO(toml_free) struct toml *t = NULL;
	const char text[] = "x = 1\n  [vm]\n  mem = \"4\\u0000G\"";
	const struct toml_value *v;
	struct err e = { 0 };

	assert_ok(toml_parse(text, strlen(text), "c.toml", &t, &e));
	assert_null(toml_get(&t->root, "y"));
	v = toml_get(&t->root, "x");
	assert_null(toml_get(v, "x"));
	v = toml_get(toml_get(&t->root, "vm"), "mem");
	assert_int_equal(v->string.len, 3);
	assert_memory_equal(v->string.text, "4\0G", 4);
	toml_err(t, v, &e, "%s is not a size", v->key);
	assert_string_equal(e.msg, "c.toml:3:3: mem is not a size");
	for (enum toml_kind k = TOML_STRING; k <= TOML_TABLE; k++)
		assert_int_equal(toml_kind_name(k)[0], 'a');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_access),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
