/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Client and server over socket pairs, and the client against peers that do not behave. */
#include "every_thread.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/proc.h"
#include "proto/org_example_every.h"
#include "proto/org_varlink_service.h"

static void calls_and_errors(void **state)
{
	struct fixture f = { 0 };
	struct err e = { 0 };

	fixture_init(&f);
	AUTO(varlink_client_free) struct varlink_client *c = fixture_client(&f);
	fixture_start(&f);

	struct count_in to = { .to = 5 };
	struct count_out n = { 0 };
	assert_ok(call_count(c, &to, &n, &e));
	assert_int_equal(n.n, 5);
	assert_ok(call_count(c, &to, NULL, &e));
	to.to = -1;
	assert_int_equal(call_count(c, &to, &n, &e), -1);
	assert_int_equal(e.code, ERR_INVALID);
	assert_string_equal(e.msg, "cannot count to -1");
	assert_string_equal(e.hint, "count upwards");
	err_clear(&e);
	for (int i = 1; i < ERR_CODE_COUNT; i++) {
		struct fail_in in = { .code = mem_strdup(err_code_name((enum err_code)i)) };
		assert_int_equal(call_fail(c, &in, NULL, &e), -1);
		assert_int_equal(e.code, i);
		assert_string_equal(e.op, "op-1");
		err_clear(&e);
		fail_in_done(&in);
	}
	AUTO_DONE(get_info_out_done) struct get_info_out info = { 0 };
	assert_ok(call_get_info(c, NULL, &info, &e));
	assert_string_equal(info.version, BANGER_VERSION);
	assert_string_equal(info.interfaces[1], "org.example.Every");
	struct get_interface_description_in which = { .interface = (char[]){ "org.example.Every" } };
	AUTO_DONE(get_interface_description_out_done) struct get_interface_description_out text = { 0 };
	assert_ok(call_get_interface_description(c, &which, &text, &e));
	assert_string_equal(text.description, org_example_every_description);
	which.interface = (char[]){ "org.example.None" };
	assert_int_equal(call_get_interface_description(c, &which, &text, &e), -1);
	assert_string_equal(e.msg, "no interface 'org.example.None'");
	fixture_stop(&f);
	assert_int_equal(f.every.refused, 0);
	(void)state;
}

static void add_up(const struct count_out *out, void *arg)
{
	*(int64_t *)arg = *(int64_t *)arg * 10 + out->n;
}

static void more_oneway_and_the_order_of_things(void **state)
{
	struct fixture f = { 0 };
	struct err e = { 0 };
	int64_t sum = 0;

	fixture_init(&f);
	AUTO(varlink_client_free) struct varlink_client *c = fixture_client(&f);
	fixture_start(&f);
	struct count_in to = { .to = 4 };
	struct count_out n = { 0 };
	assert_ok(call_count_more(c, &to, add_up, &sum, &n, &e));
	assert_int_equal(sum, 123);
	assert_int_equal(n.n, 4);
	to.to = -4;
	assert_err(call_count_more(c, &to, add_up, &sum, &n, &e), ERR_INVALID);
	for (int i = 0; i < 20; i++) {
		struct note_in note = { .text = (char[]){ (char)('a' + i), 0 } };
		assert_ok(call_note_oneway(c, &note, &e));
	}
	AUTO_DONE(notes_out_done) struct notes_out notes = { 0 };
	assert_ok(call_notes(c, NULL, &notes, &e));
	assert_string_equal(notes.text, "a;b;c;d;e;f;g;h;i;j;k;l;m;n;o;p;q;r;s;t;");
	assert_int_equal(notes.connections, 1);
	fixture_stop(&f);
	assert_int_equal(f.every.disconnected, 1);
	(void)state;
}

static void descriptors_travel_with_their_message(void **state)
{
	struct fixture f = { 0 };
	struct err e = { 0 };
	char buf[16] = "";

	fixture_init(&f);
	AUTO(varlink_client_free) struct varlink_client *c = fixture_client(&f);
	fixture_start(&f);
	AUTO_FD int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct stat sent, got;
	assert_int_equal(fstat(null, &sent), 0);

	assert_int_equal(varlink_client_attach_fd(c, null), 0);
	assert_int_equal(varlink_client_attach_fd(c, null), 1);
	struct swap_in in = { .file = 1 };
	struct swap_out out = { 0 };
	/* Calls before it that carry none are still in the same stream. */
	struct note_in note = { .text = (char[]){ "x" } };
	assert_ok(call_note_oneway(c, &note, &e));
	assert_int_equal(varlink_client_attach_fd(c, null), 0);
	assert_int_equal(varlink_client_attach_fd(c, null), 1);
	assert_ok(call_swap(c, &in, &out, &e));
	assert_true(out.first == 0 && out.second == 1);
	AUTO_FD int first = varlink_client_take_fd(c, out.first);
	AUTO_FD int second = varlink_client_take_fd(c, out.second);
	assert_int_equal(varlink_client_take_fd(c, out.first), -1);
	assert_int_equal(varlink_client_take_fd(c, 2), -1);
	assert_int_equal(varlink_client_take_fd(c, -1), -1);
	assert_int_equal(fstat(first, &got), 0);
	assert_true(got.st_rdev == sent.st_rdev && got.st_ino == sent.st_ino);
	assert_int_equal(fcntl(first, F_GETFD), FD_CLOEXEC);
	assert_int_equal(read(second, buf, sizeof(buf)), 6);
	assert_string_equal(buf, "second");

	/* What nobody takes is closed: here by the next call. */
	assert_int_equal(varlink_client_attach_fd(c, null), 0);
	in.file = 0;
	assert_ok(call_swap(c, &in, &out, &e));
	in.file = 7;
	assert_err(call_swap(c, &in, &out, &e), ERR_INVALID);
	fixture_stop(&f);
	(void)state;
}

static void upgrade_hands_over_the_stream(void **state)
{
	struct fixture f = { 0 };
	struct err e = { 0 };
	struct str leftover = STR_INIT;
	char buf[16] = "", expected[64];
	int fd;

	fixture_init(&f);
	AUTO(varlink_client_free) struct varlink_client *c = fixture_client(&f);
	AUTO(varlink_client_free) struct varlink_client *d = fixture_client(&f);
	fixture_start(&f);
	struct raw_in in = { .greeting = (char[]){ "hello" } };
	AUTO_DONE(raw_out_done) struct raw_out out = { 0 };
	assert_err(call_raw(c, &in, &out, &e), ERR_INVALID);
	struct note_in note = { .text = (char[]){ "" } };
	assert_err(call_note_upgrade(c, &note, NULL, &e), ERR_INVALID);
	assert_ok(call_raw_upgrade(c, &in, &out, &e));
	snprintf(expected, sizeof(expected), "hello to pid %d", (int)getpid());
	assert_string_equal(out.greeting, expected);
	varlink_client_steal_fd(c, &fd, &leftover);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(leftover.len, 0);
	assert_int_equal(write(fd, "echo", 4), 4);
	assert_int_equal(read(fd, buf, sizeof(buf)), 4);
	assert_string_equal(buf, "echo");
	assert_int_equal(read(fd, buf, sizeof(buf)), 0);
	close(fd);
	assert_int_equal(varlink_client_fd(c), -1);
	assert_err(call_note(c, &note, NULL, &e), ERR_UNAVAILABLE);

	struct raw_in refuse = { .greeting = (char[]){ "refuse" } };
	assert_err(call_raw_upgrade(d, &refuse, NULL, &e), ERR_DENIED);
	assert_ok(call_note(d, &note, NULL, &e));
	fixture_stop(&f);
	assert_int_equal(f.every.disconnected, 2);
	assert_int_equal(f.every.gone, 0);
	(void)state;
}

static void a_hang_up_ends_what_waits(void **state)
{
	struct fixture f = { 0 };
	struct err e = { 0 };

	fixture_init(&f);
	struct varlink_client *c = fixture_client(&f);
	AUTO(varlink_client_free) struct varlink_client *d = fixture_client(&f);
	fixture_start(&f);
	varlink_client_set_deadline(c, time_now_ms() + 50);
	assert_err(call_hold(c, NULL, NULL, &e), ERR_TIMEOUT);
	/* The connection is no good now, and the other end knows. */
	assert_err(call_hold(c, NULL, NULL, &e), ERR_UNAVAILABLE);
	varlink_client_free(c);
	struct release_out out = { 0 };
	do {
		assert_ok(call_release(d, NULL, &out, &e));
	} while (out.gone == 0);
	assert_int_equal(out.gone, 1);
	fixture_stop(&f);
	(void)state;
}

static void large_messages(void **state)
{
	struct fixture f = { .conf = { .max_message = 1 << 20 } };
	struct err e = { 0 };

	fixture_init(&f);
	AUTO(varlink_client_free) struct varlink_client *c = fixture_client(&f);
	AUTO(varlink_client_free) struct varlink_client *d = fixture_client(&f);
	fixture_start(&f);
	struct big_in in = { .size = 3 << 20 };
	AUTO_DONE(big_out_done) struct big_out out = { 0 };
	assert_ok(call_big_more(c, &in, NULL, NULL, &out, &e));
	assert_int_equal(strlen(out.text), 3 << 20);
	varlink_client_set_max(c, 1000);
	assert_err(call_big(c, &in, NULL, &e), ERR_CORRUPT);

	struct note_in note = { .text = mem_new((4 << 20) + 1) };
	memset(note.text, 'y', 4 << 20);
	assert_int_equal(call_note(d, &note, NULL, &e), -1);
	assert_int_equal(e.code, ERR_INVALID);
	assert_string_equal(e.msg, "the message is larger than 1048576 bytes");
	err_clear(&e);
	assert_err(call_note(d, &note, NULL, &e), ERR_UNAVAILABLE);
	note_in_done(&note);
	fixture_stop(&f);
	assert_int_equal(f.every.refused, 1);
	assert_string_equal(f.every.why, "message too large");
	(void)state;
}

/* --- peers that are no server --- */

/* What the call says when the peer answers with these bytes and hangs up. */
static void answer_gives(const char *bytes, size_t n, enum err_code code, const char *message)
{
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	struct get_info_out out = { 0 };
	struct err e = { 0 };
	int p[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
	assert_ok(varlink_client_from_fd(p[1], &c, &e));
	varlink_client_set_deadline(c, time_now_ms() + 5000);
	assert_int_equal(write(p[0], bytes, n), n);
	shutdown(p[0], SHUT_WR);
	assert_int_equal(call_get_info(c, NULL, &out, &e), -1);
	close(p[0]);
	if (e.code != code || strcmp(e.msg, message))
		fail_msg("%s: '%s' (%s), not '%s' (%s)", bytes, e.msg, err_code_name(e.code), message, err_code_name(code));
}
#define answer(text, code, message) answer_gives(text, sizeof(text), code, message)

static void foreign_answers(void **state)
{
	answer_gives("", 0, ERR_UNAVAILABLE, "call GetInfo: the other end hung up before it answered");
	answer_gives("{\"parameters\":{}}", 17, ERR_UNAVAILABLE, "call GetInfo: the other end hung up before it answered");
	answer("garbage", ERR_CORRUPT, "call GetInfo: not JSON: syntax error near byte 0");
	answer("[]", ERR_CORRUPT, "call GetInfo: this is not an answer");
	answer("{\"parameters\":{\"vendor\":1}}", ERR_CORRUPT, "call GetInfo: the answer: 'vendor' is not a string");
	answer("{}", ERR_CORRUPT, "call GetInfo: the answer: 'vendor' is missing");
	answer("{\"continues\":true}", ERR_CORRUPT, "call GetInfo: this is not an answer");
	answer("{\"error\":\"io.banger.NotFound\",\"parameters\":{\"message\":\"a\\u001b[31m\\tb\"}}", ERR_NOT_FOUND, "a?[31m?b");
	answer("{\"error\":\"io.banger.NotFound\"}", ERR_INTERNAL, "the other end answered with error 'io.banger.NotFound'");
	answer("{\"error\":\"io.banger.New\",\"parameters\":{\"message\":\"m\"}}", ERR_INTERNAL, "m");
	answer("{\"error\":\"com.example.\\u007fOops\"}", ERR_INTERNAL, "the other end answered with error 'com.example.?Oops'");
	answer("{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":\"a.b.C\"}}", ERR_INVALID,
		"method 'a.b.C' is not known to the other end (another build?)");
	answer("{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"a.b\"}}", ERR_INVALID,
		"interface 'a.b' is not known to the other end (another build?)");
	answer("{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"x\"}}", ERR_INVALID,
		"parameter 'x' was refused");
	answer("{\"error\":\"org.varlink.service.PermissionDenied\"}", ERR_DENIED, "the other end refuses permission");
	answer("{\"error\":\"org.varlink.service.New\"}", ERR_INTERNAL, "the other end answered with error 'org.varlink.service.New'");
	(void)state;
}

static void nobody_there(void **state)
{
	struct varlink_client *c = NULL;
	struct note_in note = { .text = (char[]){ "x" } };
	struct err e = { 0 };
	int p[2];

	assert_int_equal(varlink_client_connect("/nonexistent/socket", &c, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	err_clear(&e);
	assert_int_equal(varlink_client_from_fd(-1, &c, &e), -1);
	err_clear(&e);
	varlink_client_free(NULL);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
	close(p[0]);
	assert_ok(varlink_client_from_fd(p[1], &c, &e));
	assert_err(call_note_oneway(c, &note, &e), ERR_UNAVAILABLE);
	varlink_client_free(c);
	(void)state;
}

static void bytes_behind_the_answer_are_kept(void **state)
{
	static const char bytes[] = "{\"parameters\":{\"greeting\":\"hi\"}}\0stream";
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	AUTO_DONE(raw_out_done) struct raw_out out = { 0 };
	struct raw_in in = { .greeting = (char[]){ "g" } };
	struct str leftover = STR_INIT;
	struct err e = { 0 };
	int p[2], fd;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
	assert_ok(varlink_client_from_fd(p[1], &c, &e));
	assert_int_equal(write(p[0], bytes, sizeof(bytes) - 1), sizeof(bytes) - 1);
	assert_ok(call_raw_upgrade(c, &in, &out, &e));
	varlink_client_steal_fd(c, &fd, &leftover);
	assert_string_equal(leftover.data, "stream");
	str_done(&leftover);
	close(fd);
	close(p[0]);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_and_errors),
		cmocka_unit_test(more_oneway_and_the_order_of_things),
		cmocka_unit_test(descriptors_travel_with_their_message),
		cmocka_unit_test(upgrade_hands_over_the_stream),
		cmocka_unit_test(a_hang_up_ends_what_waits),
		cmocka_unit_test(large_messages),
		cmocka_unit_test(foreign_answers),
		cmocka_unit_test(nobody_there),
		cmocka_unit_test(bytes_behind_the_answer_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
