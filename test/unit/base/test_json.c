/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <math.h>

#include "base/json.h"
#include "base/mem.h"

/* --- what is JSON and what is not --- */

static void parse_fails(const char *text, size_t n)
{
	struct json *j = NULL;
	struct err e = { 0 };

	if (json_parse(text, n, &j, &e) == 0)
		fail_msg("taken as JSON: %.*s", (int)n, text);
	assert_int_equal(e.code, ERR_INVALID);
	assert_memory_equal(e.msg, "not JSON: ", 10);
	assert_null(j);
}

static void refuses_what_is_no_json(void **state)
{
	static const char *const texts[] = {
		"", " ", "{", "}", "[", "]", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "{1:2}", "nul", "truefalse", "[1 2]", "1 2", "{}{}",
		"+1", "01", "-", "1.", ".5", "1e", "1e+", "0x10", "NaN", "Infinity", "-Infinity", "1e999", "[-1e999]", "1a", "--1",
		"\"", "\"\\", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\u0000\"", "\"a\nb\"", "\"a\x01\"", "'a'",
		"\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"",
		"\"\xff\"", "\"\xc0\xaf\"", "\"\xe0\x80\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xc3\"", "\"\xf5\x80\x80\x80\"",
		"\xef\xbb\xbf{}", "[\v1]", "\x7f", "{\"a\":12345678901234567890,12345678901234567890:1}", "{12345678901234567:1}",
		"123456789012345678x", "\"a\"12345678901234567",
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		parse_fails(texts[i], strlen(texts[i]));
	parse_fails("{}\0", 3);
	parse_fails("\"a\0b\"", 5);
	parse_fails("[1,\0 2]", 7);
	(void)state;
}

static void bounds_depth_and_values(void **state)
{
	struct str s = STR_INIT;
	struct json *j = NULL;
	struct err e = { 0 };

	for (int i = 0; i < JSON_MAX_DEPTH; i++)
		str_add_char(&s, '[');
	for (int i = 0; i < JSON_MAX_DEPTH; i++)
		str_add_char(&s, ']');
	assert_ok(json_parse(s.data, s.len, &j, &e));
	json_free(j);
	for (int i = 0; i < 100000; i++)
		str_add_char(&s, '[');
	parse_fails(s.data + JSON_MAX_DEPTH * 2, 100000);
	str_done(&s);
	str_add(&s, "[0");
	for (int i = 0; i < JSON_MAX_VALUES; i++)
		str_add(&s, ",0");
	str_add(&s, "]");
	parse_fails(s.data, s.len);
	str_done(&s);
	(void)state;
}

/* --- reading a tree --- */

static void reads_a_tree(void **state)
{
	static const char text[] = " {\"s\":\"\\u00e4\\ud83d\\ude00\\n\", \"i\":-7, \"f\":2.5, \"t\":true, \"n\":null,\"a\":[1,[],\"x\"],"
				   "\"o\":{\"k\":9007199254740993}, \"s\":\"second\", \"big\":1e400000000000000000000}\r\n";
	struct json *j = NULL;
	const struct json *m;
	struct err e = { 0 };
	int64_t v = 0;

	assert_err(json_parse(text, sizeof(text) - 1, &j, &e), ERR_INVALID);
	char *good = mem_strdup(text), *big = strstr(good, ", \"big\"");
	strcpy(big, "}\r\n");
	assert_ok(json_parse(good, strlen(good), &j, &e));
	free(good);
	assert_string_equal(json_string(json_get(j, "s")), "\xc3\xa4\xf0\x9f\x98\x80\n");
	assert_int_equal(json_int(json_get(j, "i"), 0), -7);
	assert_int_equal(json_int(json_get(j, "f"), 5), 5);
	assert_true(json_float(json_get(j, "f"), 0) == 2.5);
	assert_true(json_float(json_get(j, "i"), 0) == -7);
	assert_true(json_float(json_get(j, "s"), 3) == 3);
	assert_true(json_bool(json_get(j, "t"), false));
	assert_true(json_bool(json_get(j, "i"), true));
	assert_true(json_is_null(json_get(j, "n")));
	assert_false(json_is_null(json_get(j, "nothing")));
	assert_int_equal(json_int(json_get(json_get(j, "o"), "k"), 0), 9007199254740993);
	assert_true(json_float(json_get(json_get(j, "o"), "k"), 0) == 9007199254740992.0);
	assert_null(json_string(json_get(json_get(json_get(j, "x"), "y"), "z")));
	assert_null(json_get(json_get(j, "a"), "0"));
	m = json_first(json_get(j, "a"));
	assert_true(json_is_int(m, &v) && v == 1 && !json_key(m));
	m = json_next(m);
	assert_true(json_is_array(m) && !json_first(m));
	m = json_next(m);
	assert_string_equal(json_string(m), "x");
	assert_null(json_next(m));
	assert_null(json_first(m));
	assert_string_equal(json_key(json_first(json_get(j, "o"))), "k");
	struct str out = STR_INIT;
	json_write(json_get(j, "o"), &out);
	json_write(json_get(j, "a"), &out);
	json_write(json_get(j, "n"), &out);
	json_write(json_get(j, "t"), &out);
	json_write(json_get(j, "f"), &out);
	assert_string_equal(out.data, "{\"k\":9007199254740993}[1,[],\"x\"]nulltrue2.5");
	str_done(&out);
	json_free(j);
	(void)state;
}

static void whole_numbers_are_exact(void **state)
{
	static const struct {
		const char *text;
		bool whole;
		int64_t value;
	} rows[] = {
		{ "0", true, 0 }, { "-0", true, 0 }, { "1.0", true, 1 }, { "1e3", true, 1000 }, { "999999999999999", true, 999999999999999 },
		{ "9007199254740993", true, 9007199254740993 }, { "1700000000123456789", true, 1700000000123456789 },
		{ "9223372036854775807", true, INT64_MAX }, { "-9223372036854775808", true, INT64_MIN }, { "-9223372036854775809", false, 0 },
		{ "9223372036854775808", false, 0 }, { "1e18", true, 1000000000000000000 }, { "1e19", false, 0 }, { "-1e19", false, 0 },
		{ "0.5", false, 0 }, { "\"1\"", false, 0 }, { "true", false, 0 }, { "100000000000000000000000000000000000", false, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct json *j = NULL;
		struct err e = { 0 };
		int64_t v = 42;
		assert_ok(json_parse(rows[i].text, strlen(rows[i].text), &j, &e));
		if (json_is_int(j, &v) != rows[i].whole)
			fail_msg("%s", rows[i].text);
		assert_int_equal(v, rows[i].whole ? rows[i].value : 42);
		json_free(j);
	}
	(void)state;
}

/* --- tables --- */

enum color { COLOR_NONE, COLOR_RED, COLOR_BLUE };
static const char *const color_texts[] = { "red", "blue" };
static const struct json_enum color_values = { "color", 2, color_texts };

struct leaf {
	int64_t id;
	char *note;
};
static const struct json_field leaf_fields[] = {
	{ "id", JSON_INT, 0, offsetof(struct leaf, id) },
	{ "note", JSON_STRING, JSON_OPTIONAL, offsetof(struct leaf, note) },
};
static const struct json_type leaf_type = { "leaf", leaf_fields, 2, sizeof(struct leaf) };

struct tree {
	bool on;
	bool has_maybe_on;
	bool maybe_on;
	int64_t n;
	int64_t maybe_n;
	bool has_maybe_n;
	double f;
	double maybe_f;
	bool has_maybe_f;
	char *s, *maybe_s, *o, *maybe_o;
	enum color color, maybe_color;
	struct leaf leaf, *maybe_leaf, *leaves;
	size_t n_leaves;
	char **strings;
	size_t n_strings;
	int64_t *ints;
	size_t n_ints;
	enum color *colors;
	size_t n_colors;
};
#define AT(m) offsetof(struct tree, m)
static const struct json_field tree_fields[] = {
	{ "on", JSON_BOOL, 0, AT(on) },
	{ "maybe_on", JSON_BOOL, JSON_OPTIONAL, AT(maybe_on), AT(has_maybe_on) },
	{ "n", JSON_INT, 0, AT(n) },
	{ "maybe_n", JSON_INT, JSON_OPTIONAL, AT(maybe_n), AT(has_maybe_n) },
	{ "f", JSON_FLOAT, 0, AT(f) },
	{ "maybe_f", JSON_FLOAT, JSON_OPTIONAL, AT(maybe_f), AT(has_maybe_f) },
	{ "s", JSON_STRING, 0, AT(s) },
	{ "maybe_s", JSON_STRING, JSON_OPTIONAL, AT(maybe_s) },
	{ "o", JSON_OBJECT, 0, AT(o) },
	{ "maybe_o", JSON_OBJECT, JSON_OPTIONAL, AT(maybe_o) },
	{ "color", JSON_ENUM, 0, AT(color), 0, { .values = &color_values } },
	{ "maybe_color", JSON_ENUM, JSON_OPTIONAL, AT(maybe_color), 0, { .values = &color_values } },
	{ "leaf", JSON_STRUCT, 0, AT(leaf), 0, { .type = &leaf_type } },
	{ "maybe_leaf", JSON_STRUCT, JSON_OPTIONAL, AT(maybe_leaf), 0, { .type = &leaf_type } },
	{ "leaves", JSON_STRUCT, JSON_ARRAY, AT(leaves), AT(n_leaves), { .type = &leaf_type } },
	{ "strings", JSON_STRING, JSON_ARRAY, AT(strings), AT(n_strings) },
	{ "ints", JSON_INT, JSON_ARRAY | JSON_OPTIONAL, AT(ints), AT(n_ints) },
	{ "colors", JSON_ENUM, JSON_ARRAY, AT(colors), AT(n_colors), { .values = &color_values } },
};
static const struct json_type tree_type = { "tree", tree_fields, ARRAY_LEN(tree_fields), sizeof(struct tree) };

#define LEAST "\"on\":false,\"n\":0,\"f\":0,\"s\":\"\",\"o\":{},\"color\":\"red\",\"leaf\":{\"id\":0},\"leaves\":[],\"strings\":[],\"colors\":[]"
static const char full[] =
	"{\"on\":true,\"maybe_on\":false,\"n\":-9223372036854775808,\"maybe_n\":9007199254740993,\"f\":0.1,\"maybe_f\":-1e+300,"
	"\"s\":\"a\\\"\\\\\\n\\u0001\xc3\xa4\",\"maybe_s\":\"\",\"o\":{\"x\":[1,{\"y\":null}]},\"maybe_o\":{},\"color\":\"blue\","
	"\"maybe_color\":\"red\",\"leaf\":{\"id\":1,\"note\":\"one\"},\"maybe_leaf\":{\"id\":2},\"leaves\":[{\"id\":3,\"note\":\"\"},{\"id\":4}],"
	"\"strings\":[\"p\",\"\",\"q\"],\"ints\":[],\"colors\":[\"red\",\"blue\"]}";

static void round_trip(const char *text)
{
	struct tree t, copy;
	struct str out = STR_INIT;
	struct err e = { 0 };

	assert_ok(json_decode(&tree_type, text, strlen(text), JSON_STRICT, &t, &e));
	json_copy(&tree_type, &copy, &t);
	json_encode(&tree_type, &t, &out);
	assert_string_equal(out.data, text);
	json_done(&tree_type, &t);
	str_done(&out);
	json_encode(&tree_type, &copy, &out);
	assert_string_equal(out.data, text);
	str_done(&out);
	json_encode_pretty(&tree_type, &copy, &out);
	json_done(&tree_type, &copy);
	assert_null(copy.s);
	assert_ok(json_decode(&tree_type, out.data, out.len, JSON_STRICT, &t, &e));
	str_done(&out);
	json_encode(&tree_type, &t, &out);
	assert_string_equal(out.data, text);
	json_done(&tree_type, &t);
	json_done(&tree_type, &t);
	str_done(&out);
}

static void tables_round_trip(void **state)
{
	round_trip(full);
	round_trip("{" LEAST "}");
	(void)state;
}

static void decodes_into_members(void **state)
{
	struct tree t;
	struct err e = { 0 };

	assert_ok(json_decode(&tree_type, full, sizeof(full) - 1, 0, &t, &e));
	assert_true(t.on && t.has_maybe_on && !t.maybe_on && t.has_maybe_n && t.has_maybe_f);
	assert_true(t.n == INT64_MIN && t.maybe_n == 9007199254740993 && t.f == 0.1);
	assert_string_equal(t.s, "a\"\\\n\x01\xc3\xa4");
	assert_string_equal(t.o, "{\"x\":[1,{\"y\":null}]}");
	assert_true(t.color == COLOR_BLUE && t.maybe_color == COLOR_RED);
	assert_true(t.leaf.id == 1 && t.maybe_leaf->id == 2 && !t.maybe_leaf->note);
	assert_int_equal(t.n_leaves, 2);
	assert_true(t.leaves[1].id == 4);
	assert_int_equal(t.n_strings, 3);
	assert_string_equal(t.strings[2], "q");
	assert_true(t.ints && t.n_ints == 0 && t.n_colors == 2 && t.colors[1] == COLOR_BLUE);
	json_done(&tree_type, &t);
	assert_ok(json_decode(&tree_type, "{" LEAST ",\"maybe_n\":null,\"new\":[{}]}", strlen("{" LEAST ",\"maybe_n\":null,\"new\":[{}]}"), 0, &t, &e));
	assert_true(!t.has_maybe_on && !t.has_maybe_n && !t.maybe_s && !t.maybe_leaf && !t.ints && t.maybe_color == COLOR_NONE);
	json_done(&tree_type, &t);
	(void)state;
}

static void names_the_member_at_fault(void **state)
{
	static const struct {
		const char *text, *message;
		unsigned flags;
	} rows[] = {
		{ "[]", "the whole is not an object", 0 },
		{ "{}", "'on' is missing", 0 },
		{ "{\"on\":null}", "'on' is missing", 0 },
		{ "{\"on\":1}", "'on' is not true or false", 0 },
		{ "{\"on\":true,\"on\":true}", "'on' is there twice", 0 },
		{ "{\"maybe_n\":null,\"maybe_n\":1}", "'maybe_n' is there twice", 0 },
		{ "{\"n\":1.5}", "'n' is not a whole number of 64 bits", 0 },
		{ "{\"n\":9223372036854775808}", "'n' is not a whole number of 64 bits", 0 },
		{ "{\"maybe_f\":\"1\"}", "'maybe_f' is not a number", 0 },
		{ "{\"s\":1}", "'s' is not a string", 0 },
		{ "{\"o\":[]}", "'o' is not an object", 0 },
		{ "{\"color\":\"green\"}", "'color' is none of the known words", 0 },
		{ "{\"color\":1}", "'color' is none of the known words", 0 },
		{ "{\"leaf\":{\"note\":\"x\"}}", "'leaf.id' is missing", 0 },
		{ "{\"maybe_leaf\":[]}", "'maybe_leaf' is not an object", 0 },
		{ "{\"leaves\":{}}", "'leaves' is not an array", 0 },
		{ "{\"s\":\"kept\",\"leaves\":[{\"id\":1,\"note\":\"x\"},{\"id\":\"2\"}]}", "'leaves[1].id' is not a whole number of 64 bits", 0 },
		{ "{\"strings\":[\"a\",null]}", "'strings[1]' is not a string", 0 },
		{ "{" LEAST ",\"extra\":1}", "'extra' is unknown", JSON_STRICT },
		{ "{\"leaf\":{\"id\":1,\"x\":1}}", "'leaf.x' is unknown", JSON_STRICT },
		{ "{", "not JSON: syntax error near byte 0", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct tree t = { .n = 99 };
		struct err e = { 0 };
		assert_int_equal(json_decode(&tree_type, rows[i].text, strlen(rows[i].text), rows[i].flags, &t, &e), -1);
		assert_int_equal(e.code, ERR_INVALID);
		assert_string_equal(e.msg, rows[i].message);
		assert_true(t.n == 99);
	}
	(void)state;
}

static void unset_members_are_written(void **state)
{
	struct tree t = { .color = COLOR_RED, .f = NAN };
	struct str out = STR_INIT;

	json_encode(&tree_type, &t, &out);
	assert_string_equal(out.data, "{\"on\":false,\"n\":0,\"f\":null,\"s\":\"\",\"o\":{},\"color\":\"red\",\"leaf\":{\"id\":0},"
				      "\"leaves\":[],\"strings\":[],\"colors\":[]}");
	str_done(&out);
	assert_string_equal(json_enum_text(&color_values, COLOR_NONE), "unknown");
	assert_string_equal(json_enum_text(&color_values, 3), "unknown");
	assert_int_equal(json_enum_parse(&color_values, NULL), COLOR_NONE);
	(void)state;
}

static void writer_escapes_and_nests(void **state)
{
	struct str s = STR_INIT;
	struct json_writer w = { .out = &s };

	json_open(&w, NULL, '{');
	json_put_string(&w, "a\"b", "\t\b\f\r\x1f\x7f\xff\xc3");
	json_open(&w, "list", '[');
	json_put_int(&w, NULL, INT64_MIN);
	json_put_float(&w, NULL, 1.0 / 3);
	json_open(&w, NULL, '{');
	json_close(&w);
	json_put_bool(&w, NULL, false);
	json_close(&w);
	json_put_string(&w, "none", NULL);
	json_put_raw(&w, "raw", "[1]");
	json_close(&w);
	assert_string_equal(s.data, "{\"a\\\"b\":\"\\t\\b\\f\\r\\u001f\x7f\xef\xbf\xbd\xef\xbf\xbd\",\"list\":[-9223372036854775808,"
				    "0.3333333333333333,{},false],\"none\":null,\"raw\":[1]}");
	str_done(&s);
	w = (struct json_writer){ .out = &s, .pretty = true };
	json_open(&w, NULL, '{');
	json_open(&w, "x", '[');
	json_put_int(&w, NULL, 1);
	json_put_int(&w, NULL, 2);
	json_close(&w);
	json_open(&w, "y", '{');
	json_close(&w);
	json_close(&w);
	assert_string_equal(s.data, "{\n\t\"x\": [\n\t\t1,\n\t\t2\n\t],\n\t\"y\": {}\n}");
	str_done(&s);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_is_no_json),   cmocka_unit_test(bounds_depth_and_values),
		cmocka_unit_test(reads_a_tree),		     cmocka_unit_test(whole_numbers_are_exact),
		cmocka_unit_test(tables_round_trip),	     cmocka_unit_test(decodes_into_members),
		cmocka_unit_test(names_the_member_at_fault), cmocka_unit_test(unset_members_are_written),
		cmocka_unit_test(writer_escapes_and_nests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
