/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What scripts/varlink-gen makes: names and types of members, tables, rows, annotations, description. */
#include "unit.h"

#include "base/json.h"
#include "base/mem.h"
#include "proto/io_banger.h"
#include "proto/org_example_every.h"
#include "proto/org_example_jobs.h"

static void structs_have_the_promised_shape(void **state)
{
	static const char text[] =
		"{\"b\":true,\"i\":9223372036854775807,\"f\":0.5,\"s\":\"x\",\"o\":{\"k\":1},\"e\":\"none\",\"t\":{\"name\":\"n\",\"again\":{\"name\":\"m\"}},"
		"\"ob\":false,\"oi\":3,\"of\":1.5,\"os\":\"\",\"oo\":{},\"oe\":\"dark\",\"ot\":{\"name\":\"\"},"
		"\"ab\":[true],\"ai\":[1],\"af\":[0],\"as\":[\"a\",\"b\"],\"ao\":[{}],\"ae\":[\"light\"],\"at\":[{\"spots\":[{\"x\":1,\"y\":2}]}],"
		"\"oai\":[7],\"default\":\"d\",\"inline\":{\"a\":1,\"kind\":\"two\"},\"many\":[{\"a\":\"q\"},{}],\"camelCase\":5}";
	AUTO_DONE(all_done) struct all a = { 0 };
	AUTO_DONE(all_done) struct all copy = { 0 };
	struct str out = STR_INIT;
	struct err e = { 0 };

	assert_ok(json_decode(&all_type, text, sizeof(text) - 1, JSON_STRICT, &a, &e));
	assert_true(a.b && a.i == INT64_MAX && a.f == 0.5 && a.e == SHADE_NONE && a.has_ob && !a.ob && a.has_oi && a.oi == 3 && a.has_of);
	assert_string_equal(a.o, "{\"k\":1}");
	assert_string_equal(a.t.again->name, "m");
	assert_true(a.oe == SHADE_DARK && a.ot && !a.ot->again && a.n_ab == 1 && a.ab[0] && a.n_as == 2 && a.n_ao == 1 && a.ae[0] == SHADE_LIGHT);
	assert_true(a.at[0].spots[0].y == 2 && !a.at[0].inner && a.oai[0] == 7 && a.has_camelCase && a.camelCase == 5);
	assert_string_equal(a.default_, "d");
	assert_true(a.inline_.a == 1 && a.inline_.kind == ALL_INLINE_KIND_TWO && a.n_many == 2 && !a.many[1].a);
	all_copy(&copy, &a);
	json_encode(&all_type, &copy, &out);
	assert_string_equal(out.data, text);
	str_done(&out);
	(void)state;
}

static void enums_have_text_and_a_zero(void **state)
{
	assert_int_equal(SHADE_UNSET, 0);
	assert_int_equal(SHADE_NONE, 1);
	assert_int_equal(HTTP_CODE_NONE, 0);
	assert_string_equal(shade_text(SHADE_DARK), "dark");
	assert_string_equal(shade_text(SHADE_UNSET), "unknown");
	assert_int_equal(shade_parse("light"), SHADE_LIGHT);
	assert_int_equal(shade_parse("pale"), SHADE_UNSET);
	assert_int_equal(shade_parse(NULL), SHADE_UNSET);
	assert_int_equal(vm_state_parse("running"), VM_STATE_RUNNING);
	(void)state;
}

static void annotations_reach_the_tables(void **state)
{
	assert_int_equal(job_list_method.flags, 0);
	assert_int_equal(job_list_method.lock_field, -1);
	assert_int_equal(job_make_method.flags, VARLINK_WORKER);
	assert_int_equal(job_make_method.lock, VARLINK_LOCK_NEW_IMAGE);
	assert_int_equal(job_make_method.lock_field, 1);
	assert_int_equal(raw_method.flags, VARLINK_UPGRADE);
	assert_string_equal(job_start_method.name, "org.example.Jobs.JobStart");
	assert_string_equal(varlink_method_short(&job_start_method), "JobStart");
	struct job_start_in in = { .vm = (char[]){ "otter" } };
	assert_string_equal(varlink_method_lock_ref(&job_start_method, &in), "otter");
	assert_null(varlink_method_lock_ref(&job_list_method, &in));
	struct job_make_in none = { .count = 1 };
	assert_null(varlink_method_lock_ref(&job_make_method, &none));
	(void)state;
}

/* --- the two sides of a @worker method --- */

struct op {
	int runs;
};

static char seen[128];

int on_job_list(struct varlink_call *call, const struct job_list_in *in, struct job_list_out *ret, struct err *e)
{
	return 0;
}

int on_worker_method(struct varlink_call *call, const struct varlink_method *m, void *in, const char *params_json, struct err *e)
{
	snprintf(seen, sizeof(seen), "%s %s", m->name, params_json);
	return err_set(e, ERR_BUSY, "seen");
}

int op_job_make(struct op *op, const struct job_make_in *in, struct job_make_out *ret, struct err *e)
{
	op->runs++;
	ret->spot = NEW(struct spot);
	ret->spot->x = in->count;
	return 0;
}

int op_job_start(struct op *op, const struct job_start_in *in, struct job_start_out *ret, struct err *e)
{
	return err_set(e, ERR_STATE, "start '%s'", in->vm);
}

static void rows_call_both_sides(void **state)
{
	static const struct varlink_interface *const ifaces[] = { &org_example_jobs_interface };
	static const char call[] = "{\"method\":\"org.example.Jobs.JobMake\",\"parameters\":{\"name\":\"n\",\"count\":2,\"more\":3}}";
	struct varlink_server_conf conf = { 0 };
	struct varlink_server *srv = NULL;
	struct str out = STR_INIT;
	struct err e = { 0 };
	struct op op = { 0 };

	assert_ok(varlink_server_new(NULL, ifaces, 1, &conf, &srv, &e));
	varlink_server_feed(srv, call, sizeof(call), &out);
	varlink_server_free(srv);
	assert_string_equal(out.data, "{\"error\":\"io.banger.Busy\",\"parameters\":{\"message\":\"seen\"}}");
	assert_string_equal(seen, "org.example.Jobs.JobMake {\"count\":2,\"name\":\"n\"}");
	str_done(&out);

	assert_int_equal(n_op_rows, 2);
	assert_string_equal(op_rows[0].name, job_make_method.name);
	assert_int_equal(op_rows[0].in_size, sizeof(struct job_make_in));
	struct job_make_in in = { .count = 4 };
	AUTO_DONE(job_make_out_done) struct job_make_out ret = { 0 };
	assert_ok(op_rows[0].run(&op, &in, &ret, &e));
	assert_true(op.runs == 1 && ret.spot->x == 4);
	struct job_start_in start = { .vm = (char[]){ "o" } };
	assert_err(op_rows[1].run(&op, &start, &ret, &e), ERR_STATE);
	(void)state;
}

static void descriptions_stand_alone(void **state)
{
	static const char jobs[] = "interface org.example.Jobs\n\n"
				   "method JobList() -> (jobs: []string)\n\n"
				   "# Text before and between.\nmethod JobMake(count: int, name: ?string) -> (spot: ?Spot)\n\n"
				   "method JobStart(vm: string) -> ()\n\n"
				   "# A place. @ signs here mean nothing.\ntype Spot (x: int, y: int)\n";

	assert_string_equal(org_example_jobs_description, jobs);
	assert_non_null(strstr(org_example_every_description, "type Shade (none, light, dark)"));
	assert_non_null(strstr(org_example_every_description, "# and one behind"));
	(void)state;
}

/* Each code of struct err is an error that io.banger declares. */
static void errors_are_declared(void **state)
{
	for (int i = ERR_NONE + 1; i < ERR_CODE_COUNT; i++) {
		char *line = mem_printf("\nerror %s (message: string, hint: ?string, operation: ?string)", err_code_name((enum err_code)i));
		if (!strstr(io_banger_description, line))
			fail_msg("no%s", line);
		free(line);
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(structs_have_the_promised_shape), cmocka_unit_test(enums_have_text_and_a_zero),
		cmocka_unit_test(annotations_reach_the_tables),	   cmocka_unit_test(rows_call_both_sides),
		cmocka_unit_test(descriptions_stand_alone),	   cmocka_unit_test(errors_are_declared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
