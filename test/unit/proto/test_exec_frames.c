/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/str.h"
#include "proto/exec_frames.h"

static void put(struct exec_decoder *d, const void *data, size_t n)
{
	const uint8_t *from = data;

	while (n) {
		size_t room;
		uint8_t *p = exec_decoder_space(d, &room);
		assert_true(room > 0);
		room = room < n ? room : n;
		memcpy(p, from, room);
		exec_decoder_add(d, room);
		from += room;
		n -= room;
	}
}

static void add_frame(struct str *s, enum exec_channel channel, const char *text)
{
	uint8_t header[EXEC_HEADER];

	exec_frame_header(header, channel, strlen(text));
	str_add_bytes(s, header, sizeof(header));
	str_add(s, text);
}

static void test_any_cut(void **state)
{
	AUTO_DONE(str_done) struct str s = STR_INIT;

	add_frame(&s, EXEC_IN, "hello");
	add_frame(&s, EXEC_ERR, "");
	add_frame(&s, EXEC_OUT, "world!");
	for (size_t cut = 0; cut <= s.len; cut++) {
		struct exec_decoder d = { 0 };
		struct exec_frame f[4];
		struct err e = { 0 };
		char text[32] = "";
		size_t n = 0;
		put(&d, s.data, cut);
		while (exec_decoder_next(&d, &f[n], &e) > 0)
			strncat(text, (const char *)f[n].data, f[n].n), n++;
		put(&d, s.data + cut, s.len - cut);
		while (exec_decoder_next(&d, &f[n], &e) > 0)
			strncat(text, (const char *)f[n].data, f[n].n), n++;
		assert_int_equal(n, 3);
		assert_string_equal(text, "helloworld!");
		assert_int_equal(f[0].channel, EXEC_IN);
		assert_int_equal(f[1].channel, EXEC_ERR);
		assert_int_equal(f[1].n, 0);
		assert_false(exec_decoder_pending(&d));
		exec_decoder_done(&d);
	}
}

static void test_largest_frames_in_a_row(void **state)
{
	AUTO_DONE(exec_decoder_done) struct exec_decoder d = { 0 };
	AUTO_MEM uint8_t *frame = malloc(EXEC_HEADER + EXEC_PAYLOAD_MAX);
	struct exec_frame f;
	struct err e = { 0 };
	size_t seen = 0;

	memset(frame, 7, EXEC_HEADER + EXEC_PAYLOAD_MAX);
	exec_frame_header(frame, EXEC_OUT, EXEC_PAYLOAD_MAX);
	for (int i = 0; i < 5; i++) {
		/* in three pieces that do not fit the frame */
		put(&d, frame, 3);
		assert_int_equal(exec_decoder_next(&d, &f, &e), 0);
		assert_true(exec_decoder_pending(&d));
		put(&d, frame + 3, 40000);
		assert_int_equal(exec_decoder_next(&d, &f, &e), 0);
		put(&d, frame + 40003, EXEC_HEADER + EXEC_PAYLOAD_MAX - 40003);
		assert_int_equal(exec_decoder_next(&d, &f, &e), 1);
		assert_int_equal(f.n, EXEC_PAYLOAD_MAX);
		assert_int_equal(f.data[EXEC_PAYLOAD_MAX - 1], 7);
		seen++;
	}
	assert_int_equal(seen, 5);
}

static void test_limits(void **state)
{
	static const uint8_t bad[][EXEC_HEADER] = { { 4, 0, 0, 0, 0 }, { 1, 1, 0, 1, 0 }, { 0, 0, 0, 0, 0x80 }, { 3, 1, 16, 0, 0 } };
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_DONE(exec_decoder_done) struct exec_decoder d = { 0 };
		struct exec_frame f;
		put(&d, bad[i], EXEC_HEADER);
		assert_err(exec_decoder_next(&d, &f, &e), ERR_CORRUPT);
	}
}

/* The socket's buffer is smaller than the frame: the sender has to come back for the rest. */
static void test_send_in_pieces(void **state)
{
	AUTO_DONE(exec_decoder_done) struct exec_decoder d = { 0 };
	static uint8_t data[EXEC_PAYLOAD_MAX];
	struct exec_frame f;
	struct err e = { 0 };
	int ends[2], small = 4096, status;

	memset(data, 0x5a, sizeof(data));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	assert_err(exec_frame_send(ends[0], EXEC_OUT, data, sizeof(data), time_now_ms() + 20, &e), ERR_TIMEOUT);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	pid_t pid = fork();
	if (pid == 0) {
		assert_ok(fd_set_nonblock(ends[0], true, &e));
		_exit(exec_frame_send(ends[0], EXEC_OUT, data, sizeof(data), FD_FOREVER, &e) == 0 &&
			      exec_frame_send(ends[0], EXEC_OUT, NULL, 0, FD_FOREVER, &e) == 0 ? 0 : 1);
	}
	int n = 0;
	while (n < 2) {
		size_t room;
		uint8_t *p = exec_decoder_space(&d, &room);
		ssize_t got = read(ends[1], p, room);
		assert_true(got > 0);
		exec_decoder_add(&d, (size_t)got);
		while (exec_decoder_next(&d, &f, &e) > 0) {
			assert_int_equal(f.n, n == 0 ? sizeof(data) : 0);
			assert_int_equal(n == 0 ? memcmp(f.data, data, f.n) : 0, 0);
			n++;
		}
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(ends[0]);
	close(ends[1]);
}

static void test_control_texts(void **state)
{
	static const struct {
		struct exec_control c;
		const char *text;
	} rows[] = {
		{ { .kind = EXEC_CONTROL_CREDIT, .credit = 65536 }, "{\"credit\":65536}" },
		{ { .kind = EXEC_CONTROL_RESIZE, .rows = 24, .columns = 80 }, "{\"resize\":{\"rows\":24,\"columns\":80}}" },
		{ { .kind = EXEC_CONTROL_SIGNAL, .signal = SIGINT }, "{\"signal\":\"INT\"}" },
		{ { .kind = EXEC_CONTROL_EXIT, .status = 3 }, "{\"exit\":{\"status\":3}}" },
		{ { .kind = EXEC_CONTROL_EXIT, .status = 127, .message = "no" }, "{\"exit\":{\"status\":127,\"message\":\"no\"}}" },
		{ { .kind = EXEC_CONTROL_EXIT, .signal = SIGKILL }, "{\"exit\":{\"signal\":\"KILL\"}}" },
		{ { .kind = EXEC_CONTROL_ERROR, .message = "why" }, "{\"error\":{\"message\":\"why\"}}" },
		{ { .kind = EXEC_CONTROL_OTHER }, "{}" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_DONE(str_done) struct str s = STR_INIT;
		struct exec_control c;
		struct err e = { 0 };
		exec_control_encode(&rows[i].c, &s);
		assert_string_equal(s.data, rows[i].text);
		assert_ok(exec_control_decode(s.data, s.len, &c, &e));
		assert_memory_equal(&c, &rows[i].c, sizeof(c));
	}
}

static void test_control_refused(void **state)
{
	static const char *const bad[] = { "", "[]", "{", "{\"credit\":0}", "{\"credit\":1e99}", "{\"resize\":{\"rows\":1}}",
		"{\"resize\":{\"rows\":1,\"columns\":65536}}", "{\"signal\":\"WHAT\"}", "{\"exit\":{\"status\":-1}}", "{\"exit\":{}}" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct exec_control c;
		struct err e = { 0 };
		assert_err(exec_control_decode(bad[i], strlen(bad[i]), &c, &e), ERR_CORRUPT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_cut),
		cmocka_unit_test(test_largest_frames_in_a_row),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_send_in_pieces),
		cmocka_unit_test(test_control_texts),
		cmocka_unit_test(test_control_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
