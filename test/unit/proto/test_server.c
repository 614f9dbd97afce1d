/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server against clients that do not behave. */
#include "every_thread.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/un.h>

#include "proto/org_example_every.h"

#define CALL(method, parameters) "{\"method\":\"org.example.Every." method "\",\"parameters\":{" parameters "}}"

/* Feeds bytes (without the literal's own NUL) to a fresh server; what it writes, NULs as newlines, is expected, and so is the refusal. */
static void feed(const char *bytes, size_t n, const char *expected, const char *why)
{
	struct every s = { 0 };
	struct varlink_server_conf conf = { .max_message = 200, .context = &s, .on_refused = every_refused };
	struct str out = STR_INIT;
	struct err e = { 0 };

	assert_ok(varlink_server_new(NULL, every_ifaces, 1, &conf, &s.srv, &e));
	varlink_server_feed(s.srv, bytes, n, &out);
	for (size_t i = 0; i < out.len; i++)
		out.data[i] = out.data[i] ? out.data[i] : '\n';
	assert_string_equal(out.data ? out.data : "", expected);
	assert_string_equal(s.why, why);
	assert_int_equal(varlink_server_connections(s.srv), 0);
	varlink_server_free(s.srv);
	str_done(&out);
}
#define FEED(bytes, expected, why) feed(bytes, sizeof(bytes) - 1, expected, why)

static void answers_what_is_fed(void **state)
{
	FEED("", "", "");
	FEED(CALL("Count", "\"to\":2") "\0", "{\"parameters\":{\"n\":2}}\n", "");
	FEED(CALL("Count", "\"to\":1") "\0" CALL("Count", "\"to\":2") "\0", "{\"parameters\":{\"n\":1}}\n{\"parameters\":{\"n\":2}}\n", "");
	FEED("{\"method\":\"org.example.Every.Notes\"}\0", "{\"parameters\":{\"text\":\"\",\"connections\":1}}\n", "");
	FEED("{\"method\":\"org.example.Every.Notes\",\"parameters\":null}\0", "{\"parameters\":{\"text\":\"\",\"connections\":1}}\n", "");
	FEED("{\"method\":\"org.example.Every.Count\",\"parameters\":{\"to\":1},\"more\":true}\0",
		"{\"parameters\":{\"n\":0},\"continues\":true}\n{\"parameters\":{\"n\":1}}\n", "");
	FEED("{\"method\":\"org.example.Every.Count\",\"parameters\":{\"to\":1},\"more\":true,\"oneway\":true}\0", "", "");
	FEED("{\"method\":\"org.example.Every.Count\",\"parameters\":{\"to\":-1},\"oneway\":true}\0", "", "");
	FEED(CALL("Hold", "") "\0" CALL("Count", "\"to\":2") "\0", "", "");
	(void)state;
}

static void refuses_what_is_no_call(void **state)
{
	FEED("{\"method\"", "", "half a message");
	FEED(CALL("Count", "\"to\":2") "\0{", "{\"parameters\":{\"n\":2}}\n", "half a message");
	FEED("\0", "", "not JSON: syntax error near byte 0");
	FEED("GET / HTTP/1.1\r\n\r\n\0", "", "not JSON: syntax error near byte 0");
	FEED("{}\0" CALL("Count", "\"to\":2") "\0",
		"{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"method\",\"message\":\"this is not a "
		"varlink call\"}}\n", "not a call");
	FEED("[]\0",
		"{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"method\",\"message\":\"this is not a "
		"varlink call\"}}\n", "not a call");
	FEED("{\"method\":\"Count\"}\0",
		"{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"Count\"}}\n", "");
	FEED("{\"method\":\"org.example.Ever.Count\"}\0",
		"{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"org.example.Ever.Count\"}}\n", "");
	FEED(CALL("Coun", "\"to\":2") "\0",
		"{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":\"org.example.Every.Coun\"}}\n", "");
	FEED(CALL("Count", "\"to\":\"2\"") "\0",
		"{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"to\",\"message\":\"call Count: 'to' is "
		"not a whole number of 64 bits\"}}\n", "");
	FEED("{\"method\":\"org.example.Every.Count\",\"parameters\":[]}\0",
		"{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"parameters\",\"message\":\"call Count: "
		"the whole is not an object\"}}\n", "");
	char large[300];
	memset(large, ' ', sizeof(large));
	feed(large, sizeof(large), "{\"error\":\"io.banger.Invalid\",\"parameters\":{\"message\":\"the message is larger than 200 bytes\"}}\n",
		"message too large");
	(void)state;
}

static void unknown_parameters(void **state)
{
	static const char text[] = CALL("Count", "\"to\":1,\"from\":2");
	struct str out = STR_INIT;
	struct err e = { 0 };

	for (unsigned flags = 0; flags <= JSON_STRICT; flags++) {
		struct varlink_server_conf conf = { .json_flags = flags };
		struct varlink_server *srv = NULL;
		assert_ok(varlink_server_new(NULL, every_ifaces, 1, &conf, &srv, &e));
		varlink_server_feed(srv, text, sizeof(text), &out);
		varlink_server_free(srv);
	}
	assert_string_equal(out.data, "{\"parameters\":{\"n\":1}}");
	assert_string_equal(out.data + strlen(out.data) + 1, "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{"
		"\"parameter\":\"from\",\"message\":\"call Count: 'from' is unknown\"}}");
	str_done(&out);
	(void)state;
}

/* --- on real sockets --- */

/* Reads to the end of the stream, NULs as newlines. */
static void expect_end(int fd, const char *expected)
{
	struct str out = STR_INIT;
	struct err e = { 0 };
	char buf[4096];
	ssize_t n;

	do {
		assert_ok(fd_wait(fd, POLLIN, time_now_ms() + 20000, &e));
		n = read(fd, buf, sizeof(buf));
		if (n > 0)
			str_add_bytes(&out, buf, (size_t)n);
	} while (n > 0);
	for (size_t i = 0; i < out.len; i++)
		out.data[i] = out.data[i] ? out.data[i] : '\n';
	assert_string_equal(out.data ? out.data : "", expected);
	str_done(&out);
}

static void send_text(int fd, const char *text, size_t n)
{
	assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), n);
}
#define SEND(fd, text) send_text(fd, text, sizeof(text) - 1)

static void half_closed_clients_are_served(void **state)
{
	struct fixture f = { 0 };
	struct err e = { 0 };

	fixture_init(&f);
	AUTO_FD int a = fixture_pair(&f);
	AUTO_FD int b = fixture_pair(&f);
	AUTO(varlink_client_free) struct varlink_client *c = fixture_client(&f);
	fixture_start(&f);
	SEND(a, CALL("Count", "\"to\":2") "\0" CALL("Count", "\"to\":3") "\0");
	shutdown(a, SHUT_WR);
	expect_end(a, "{\"parameters\":{\"n\":2}}\n{\"parameters\":{\"n\":3}}\n");
	/* Even one that has to wait for its answer, and one behind that. */
	SEND(b, CALL("Hold", "") "\0" CALL("Count", "\"to\":4") "\0");
	shutdown(b, SHUT_WR);
	for (struct pollfd p = { .fd = b, .events = POLLIN }; poll(&p, 1, 1) == 0;)
		assert_ok(call_release(c, NULL, NULL, &e));
	expect_end(b, "{\"parameters\":{\"held\":true}}\n{\"parameters\":{\"n\":4}}\n");
	fixture_stop(&f);
	assert_int_equal(f.every.gone, 0);
	(void)state;
}

static void what_was_sent_before_a_hang_up_is_done(void **state)
{
	struct fixture f = { 0 };
	struct err e = { 0 };
	AUTO_DONE(notes_out_done) struct notes_out notes = { 0 };

	fixture_init(&f);
	int a = fixture_pair(&f), b = fixture_pair(&f);
	AUTO(varlink_client_free) struct varlink_client *c = fixture_client(&f);
	SEND(a, "{\"method\":\"org.example.Every.Note\",\"parameters\":{\"text\":\"last words\"},\"oneway\":true}\0");
	close(a);
	SEND(b, CALL("Count", "\"to\":4") "\0" CALL("Hold", "") "\0" CALL("Note", "\"text\":\"never\"") "\0");
	close(b);
	fixture_start(&f);
	do {
		notes_out_done(&notes);
		assert_ok(call_notes(c, NULL, &notes, &e));
	} while (notes.connections > 1);
	assert_string_equal(notes.text, "last words;");
	fixture_stop(&f);
	assert_int_equal(f.every.disconnected, 3);
	(void)state;
}

static void slow_messages_time_out(void **state)
{
	struct fixture f = { .conf = { .message_ms = 100 } };
	struct err e = { 0 };

	fixture_init(&f);
	AUTO_FD int idle = fixture_pair(&f);
	AUTO_FD int slow = fixture_pair(&f);
	AUTO(varlink_client_free) struct varlink_client *c = fixture_client(&f);
	fixture_start(&f);
	SEND(slow, CALL("Count", "\"to\":2") "\0{\"method");
	expect_end(slow, "{\"parameters\":{\"n\":2}}\n");
	/* Whoever says nothing may stay. */
	SEND(idle, CALL("Count", "\"to\":2") "\0");
	shutdown(idle, SHUT_WR);
	expect_end(idle, "{\"parameters\":{\"n\":2}}\n");
	assert_ok(call_release(c, NULL, NULL, &e));
	fixture_stop(&f);
	assert_int_equal(f.every.refused, 1);
	assert_string_equal(f.every.why, "message takes too long");
	(void)state;
}

static void idle_connections_end(void **state)
{
	struct fixture f = { .conf = { .message_ms = 20000, .idle_ms = 100, .max_connections = 3 } };
	struct err e = { 0 };
	int p[2];

	fixture_init(&f);
	AUTO_FD int idle = fixture_pair(&f);
	AUTO_FD int held = fixture_pair(&f);
	AUTO_FD int spoke = fixture_pair(&f);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
	assert_err(varlink_server_add(f.every.srv, p[0], NULL, NULL, &e), ERR_BUSY);
	close(p[1]);
	SEND(held, CALL("Hold", "") "\0");
	SEND(spoke, CALL("Count", "\"to\":1") "\0");
	fixture_start(&f);
	expect_end(idle, "");
	expect_end(spoke, "{\"parameters\":{\"n\":1}}\n");
	struct pollfd still = { .fd = held, .events = POLLIN };
	assert_int_equal(poll(&still, 1, 0), 0);
	fixture_stop(&f);
	assert_int_equal(f.every.refused, 0);
	assert_int_equal(f.every.gone, 1);
	(void)state;
}

/* A client that sends without end and never reads: the server stops reading it, and stays small and responsive. */
static void a_client_that_does_not_read(void **state)
{
	static const char text[] = "{\"method\":\"org.example.Every.Big\",\"parameters\":{\"size\":100000},\"more\":true}";
	struct fixture f = { 0 };
	struct err e = { 0 };

	fixture_init(&f);
	AUTO_FD int deaf = fixture_pair(&f);
	AUTO(varlink_client_free) struct varlink_client *c = fixture_client(&f);
	fixture_start(&f);
	assert_ok(fd_set_nonblock(deaf, true, &e));
	int sent = 0;
	for (struct pollfd p = { .fd = deaf, .events = POLLOUT }; poll(&p, 1, 300) == 1 && sent < 100000; sent++)
		if (write(deaf, text, sizeof(text)) < 0)
			break;
	assert_true(sent > 10 && sent < 100000);
	assert_ok(call_release(c, NULL, NULL, &e));
	/* All of it is there once it is read. */
	assert_ok(fd_set_nonblock(deaf, false, &e));
	shutdown(deaf, SHUT_WR);
	struct str in = STR_INIT;
	char buf[65536];
	int answers = 0;
	for (ssize_t n; (n = read(deaf, buf, sizeof(buf))) > 0;)
		for (ssize_t i = 0; i < n; i++)
			answers += buf[i] == 0;
	assert_true(answers >= sent);
	str_done(&in);
	fixture_stop(&f);
	(void)state;
}

/* Descriptors belong to the message they came with, though several messages are read at once. */
static void pipelined_descriptors(void **state)
{
	struct fixture f = { 0 };
	AUTO_FD int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	fixture_init(&f);
	AUTO_FD int a = fixture_pair(&f);
	static const char swap[] = CALL("Swap", "\"file\":0");
	SEND(a, CALL("Count", "\"to\":1") "\0");
	assert_int_equal(fd_send_msg(a, swap, sizeof(swap), &null, 1), sizeof(swap));
	SEND(a, CALL("Swap", "\"file\":0") "\0");
	assert_int_equal(fd_send_msg(a, swap, sizeof(swap), &null, 1), sizeof(swap));
	shutdown(a, SHUT_WR);
	fixture_start(&f);
	expect_end(a, "{\"parameters\":{\"n\":1}}\n"
		      "{\"parameters\":{\"second\":1,\"first\":0}}\n"
		      "{\"error\":\"io.banger.Invalid\",\"parameters\":{\"message\":\"no descriptor 0 of 0\"}}\n"
		      "{\"parameters\":{\"second\":1,\"first\":0}}\n");
	fixture_stop(&f);
	(void)state;
}

static void a_flood_of_descriptors(void **state)
{
	struct fixture f = { 0 };
	int fds[FD_PASS_MAX];

	fixture_init(&f);
	AUTO_FD int a = fixture_pair(&f);
	fixture_start(&f);
	for (int i = 0; i < FD_PASS_MAX; i++)
		fds[i] = a;
	/* One message in pieces, each with as many as a piece can have. */
	for (int i = 0; i < 3; i++)
		if (fd_send_msg(a, "{", 1, fds, FD_PASS_MAX) < 0)
			break;
	expect_end(a, "");
	fixture_stop(&f);
	assert_string_equal(f.every.why, "too many descriptors");
	(void)state;
}

static int deny(struct varlink_server *srv, int fd, const struct ucred *peer, void **ret_conn_context)
{
	return peer->pid == getpid() && peer->uid == getuid() ? -1 : 0;
}

static void listeners(void **state)
{
	char folder[] = "/tmp/banger-varlink-XXXXXX", open_path[64], shut_path[64];
	struct fixture f = { .conf = { .max_connections = 2 } };
	struct err e = { 0 };
	int fd;

	assert_non_null(mkdtemp(folder));
	snprintf(open_path, sizeof(open_path), "%s/open", folder);
	snprintf(shut_path, sizeof(shut_path), "%s/shut", folder);
	fixture_init(&f);
	assert_ok(fd_listen_unix(open_path, 0600, &fd, &e));
	assert_ok(varlink_server_listen(f.every.srv, fd, NULL, &e));
	assert_ok(fd_listen_unix(shut_path, 0600, &fd, &e));
	assert_ok(varlink_server_listen(f.every.srv, fd, deny, &e));
	fixture_start(&f);
	AUTO(varlink_client_free) struct varlink_client *a = NULL;
	AUTO(varlink_client_free) struct varlink_client *b = NULL;
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	AUTO(varlink_client_free) struct varlink_client *d = NULL;
	struct note_in note = { .text = (char[]){ "x" } };
	assert_ok(varlink_client_connect(open_path, &a, &e));
	assert_ok(call_note(a, &note, NULL, &e));
	assert_ok(varlink_client_connect(shut_path, &d, &e));
	assert_err(call_note(d, &note, NULL, &e), ERR_UNAVAILABLE);
	assert_ok(varlink_client_connect(open_path, &b, &e));
	assert_ok(call_note(b, &note, NULL, &e));
	assert_ok(varlink_client_connect(open_path, &c, &e));
	assert_err(call_note(c, &note, NULL, &e), ERR_BUSY);
	fixture_stop(&f);
	assert_string_equal(f.every.why, "too many connections");
	assert_err(call_note(a, &note, NULL, &e), ERR_UNAVAILABLE);
	unlink(open_path);
	unlink(shut_path);
	rmdir(folder);
	(void)state;
}

/* The server goes away under a call that waits and one that leaves. */
static void the_end_of_the_server(void **state)
{
	struct fixture f = { 0 };
	struct err e = { 0 };

	fixture_init(&f);
	AUTO_FD int a = fixture_pair(&f);
	AUTO(varlink_client_free) struct varlink_client *c = fixture_client(&f);
	fixture_start(&f);
	SEND(a, CALL("Note", "\"text\":\"n\"") "\0" CALL("Hold", "") "\0");
	AUTO_DONE(notes_out_done) struct notes_out notes = { 0 };
	do {
		notes_out_done(&notes);
		assert_ok(call_notes(c, NULL, &notes, &e));
	} while (!notes.text[0]);
	assert_err(call_hold(c, NULL, NULL, &e), ERR_BUSY);
	fixture_stop(&f);
	assert_int_equal(f.every.gone, 1);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_what_is_fed),
		cmocka_unit_test(refuses_what_is_no_call),
		cmocka_unit_test(unknown_parameters),
		cmocka_unit_test(half_closed_clients_are_served),
		cmocka_unit_test(what_was_sent_before_a_hang_up_is_done),
		cmocka_unit_test(slow_messages_time_out),
		cmocka_unit_test(idle_connections_end),
		cmocka_unit_test(a_client_that_does_not_read),
		cmocka_unit_test(pipelined_descriptors),
		cmocka_unit_test(a_flood_of_descriptors),
		cmocka_unit_test(listeners),
		cmocka_unit_test(the_end_of_the_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
