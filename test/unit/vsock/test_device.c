/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The device between a small guest driver and real unix sockets. What is asserted of closing is what Firecracker does. */
#include "unit.h"

#include <sys/resource.h>
#include <sys/un.h>

#include "driver.h"
#include "vsock/conn.h"

enum { PORT = 1234, GUEST_PORT = 4000 };

static struct driver d;
static char data[DRIVER_RX_BYTES];

static int start(void **state)
{
	driver_start(&d, 64);
	return 0;
}

static int stop(void **state)
{
	driver_stop(&d);
	return 0;
}

/* The next packet is of that kind. */
static struct virtio_vsock_hdr expect(uint16_t op)
{
	struct virtio_vsock_hdr h;

	if (!driver_receive(&d, &h, data))
		fail_msg("no packet, op %d expected", op);
	if (h.op != op)
		fail_msg("op %d, not %d", h.op, op);
	assert_int_equal(h.src_cid, DRIVER_HOST);
	assert_int_equal(h.dst_cid, DRIVER_CID);
	return h;
}

static void expect_nothing(void)
{
	struct virtio_vsock_hdr h;

	driver_turn(&d);
	assert_false(driver_receive(&d, &h, data));
}

static void guest_sends(uint16_t op, uint32_t host_port, uint32_t flags, const void *bytes, uint32_t n)
{
	struct virtio_vsock_hdr h = driver_header(op, GUEST_PORT, host_port);

	h.flags = flags;
	h.len = n;
	driver_send(&d, &h, bytes, n);
}

static int listen_at(uint32_t port)
{
	struct err e = { 0 };
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "%s_%u", d.uds, port);
	assert_ok(fd_listen_unix(path, 0600, &fd, &e));
	assert_ok(fd_set_nonblock(fd, false, &e));
	return fd;
}

/* A guest's connection to PORT, established. */
static int connected(int listen_fd)
{
	int fd;

	guest_sends(VIRTIO_VSOCK_OP_REQUEST, PORT, 0, NULL, 0);
	fd = accept(listen_fd, NULL, NULL);
	assert_true(fd >= 0);
	expect(VIRTIO_VSOCK_OP_RESPONSE);
	return fd;
}

static void guest_calls_host(void **state)
{
	int l = listen_at(PORT), fd = connected(l);
	char buf[100];

	guest_sends(VIRTIO_VSOCK_OP_RW, PORT, 0, "hello", 5);
	assert_int_equal(read(fd, buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(write(fd, "and back", 8), 8);
	driver_turn(&d);
	assert_int_equal(expect(VIRTIO_VSOCK_OP_RW).len, 8);
	assert_memory_equal(data, "and back", 8);
	assert_true(d.told[0] > 0 && d.told[1] > 0);
	/* The guest closes: all is with the host, so the device agrees and the host sees the end. */
	guest_sends(VIRTIO_VSOCK_OP_SHUTDOWN, PORT, 3, NULL, 0);
	expect(VIRTIO_VSOCK_OP_RST);
	assert_int_equal(read(fd, buf, sizeof(buf)), 0);
	close(fd);
	close(l);
}

static void nobody_listens(void **state)
{
	guest_sends(VIRTIO_VSOCK_OP_REQUEST, PORT, 0, NULL, 0);
	assert_int_equal(expect(VIRTIO_VSOCK_OP_RST).src_port, PORT);
	/* A packet of no connection, and one that is no stream's */
	guest_sends(VIRTIO_VSOCK_OP_RW, PORT, 0, "x", 1);
	expect(VIRTIO_VSOCK_OP_RST);
	struct virtio_vsock_hdr h = driver_header(VIRTIO_VSOCK_OP_REQUEST, GUEST_PORT, PORT);
	h.type = VIRTIO_VSOCK_TYPE_SEQPACKET;
	driver_send(&d, &h, NULL, 0);
	expect(VIRTIO_VSOCK_OP_RST);
	/* Forged addresses are not answered. */
	h = driver_header(VIRTIO_VSOCK_OP_REQUEST, GUEST_PORT, PORT);
	h.src_cid = 99;
	driver_send(&d, &h, NULL, 0);
	expect_nothing();
}

static int host_calls(const char *line)
{
	struct err e = { 0 };
	int fd;

	assert_ok(fd_connect_unix(d.uds, &fd, &e));
	assert_int_equal(write(fd, line, strlen(line)), (ssize_t)strlen(line));
	driver_turn(&d);
	driver_turn(&d);
	return fd;
}

static void host_calls_guest(void **state)
{
	/* What follows the line waits for the guest's answer. */
	int fd = host_calls("CONNECT 4000\nearly");
	struct virtio_vsock_hdr h = expect(VIRTIO_VSOCK_OP_REQUEST);
	char buf[100];
	ssize_t n;

	assert_int_equal(h.dst_port, GUEST_PORT);
	assert_true(h.src_port >= 1u << 30);
	expect_nothing();
	guest_sends(VIRTIO_VSOCK_OP_RESPONSE, h.src_port, 0, NULL, 0);
	n = read(fd, buf, sizeof(buf) - 1);
	assert_true(n > 0);
	buf[n] = 0;
	assert_int_equal(strncmp(buf, "OK ", 3), 0);
	assert_int_equal((uint32_t)atoll(buf + 3), h.src_port);
	assert_int_equal(buf[n - 1], '\n');
	assert_int_equal(expect(VIRTIO_VSOCK_OP_RW).len, 5);
	assert_memory_equal(data, "early", 5);
	/* The host's end of file shuts the guest both ways. */
	shutdown(fd, SHUT_WR);
	driver_turn(&d);
	assert_int_equal(expect(VIRTIO_VSOCK_OP_SHUTDOWN).flags, 3);
	guest_sends(VIRTIO_VSOCK_OP_RST, h.src_port, 0, NULL, 0);
	assert_int_equal(read(fd, buf, sizeof(buf)), 0);
	close(fd);
}

static void guest_refuses_host(void **state)
{
	int fd = host_calls("connect 4000\n");
	struct virtio_vsock_hdr h = expect(VIRTIO_VSOCK_OP_REQUEST);
	char c;

	guest_sends(VIRTIO_VSOCK_OP_RST, h.src_port, 0, NULL, 0);
	assert_int_equal(read(fd, &c, 1), 0);
	close(fd);
}

static void bad_greetings_are_hung_up_on(void **state)
{
	static const char *const bad[] = { "HELLO\n", "CONNECT x\n", "CONNECT -1\n", "CONNECT 4294967296\n", "CONNECT 1111111111111111111111111111111" };
	char c;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		int fd = host_calls(bad[i]);
		assert_true(read(fd, &c, 1) <= 0); /* reset where more was sent than a line may have */
		close(fd);
	}
	expect_nothing();
}

static void greetings_may_come_in_pieces(void **state)
{
	int fd = host_calls("CONN");

	expect_nothing();
	assert_int_equal(write(fd, "ECT 4000\n", 9), 9);
	driver_turn(&d);
	expect(VIRTIO_VSOCK_OP_REQUEST);
	close(fd);
}

static void half_close_is_firecrackers(void **state)
{
	int l = listen_at(PORT), fd = connected(l);
	char c;

	/* The guest shuts its sending side only: the host sees nothing of it and can go on writing. */
	guest_sends(VIRTIO_VSOCK_OP_SHUTDOWN, PORT, VIRTIO_VSOCK_SHUTDOWN_SEND, NULL, 0);
	assert_int_equal(recv(fd, &c, 1, MSG_DONTWAIT), -1);
	assert_int_equal(write(fd, "x", 1), 1);
	driver_turn(&d);
	assert_int_equal(expect(VIRTIO_VSOCK_OP_RW).len, 1);
	guest_sends(VIRTIO_VSOCK_OP_SHUTDOWN, PORT, VIRTIO_VSOCK_SHUTDOWN_RCV, NULL, 0);
	expect(VIRTIO_VSOCK_OP_RST);
	assert_int_equal(read(fd, &c, 1), 0);
	close(fd);
	close(l);
}

/* Sends what the credit allows, with a host that reads nothing. Returns the bytes. */
static size_t fill(uint32_t fwd_cnt)
{
	static const char block[32768];
	size_t sent = 0;

	while (sent + sizeof(block) <= VSOCK_BUF_BYTES - fwd_cnt) {
		guest_sends(VIRTIO_VSOCK_OP_RW, PORT, 0, block, sizeof(block));
		sent += sizeof(block);
	}
	return sent;
}

static void slow_host_keeps_all_bytes(void **state)
{
	int l = listen_at(PORT), fd = connected(l);
	size_t sent = fill(0), got = 0;
	static char buf[65536];
	struct virtio_vsock_hdr h;
	ssize_t n;

	/* Closed while bytes are held: they reach the host before the end does. */
	guest_sends(VIRTIO_VSOCK_OP_SHUTDOWN, PORT, 3, NULL, 0);
	while (got < sent) {
		n = read(fd, buf, sizeof(buf));
		assert_true(n > 0);
		got += (size_t)n;
		driver_turn(&d);
	}
	assert_int_equal(got, sent);
	do
		assert_true(driver_receive(&d, &h, data));
	while (h.op == VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(h.op, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(read(fd, buf, 1), 0);
	close(fd);
	close(l);
}

static void a_guest_beyond_its_credit_is_cut(void **state)
{
	int l = listen_at(PORT), fd = connected(l);
	struct virtio_vsock_hdr h = { 0 };

	/* The socket's own buffer, ours, and one more. */
	for (int i = 0; i < 8 && h.op != VIRTIO_VSOCK_OP_RST; i++) {
		fill(0);
		while (h.op != VIRTIO_VSOCK_OP_RST && driver_receive(&d, &h, data))
			;
	}
	assert_int_equal(h.op, VIRTIO_VSOCK_OP_RST);
	close(fd);
	close(l);
}

static void the_guests_credit_is_kept(void **state)
{
	int l = listen_at(PORT), fd;
	struct virtio_vsock_hdr h = driver_header(VIRTIO_VSOCK_OP_REQUEST, GUEST_PORT, PORT);
	static const char block[5000];

	h.buf_alloc = 1000;
	driver_send(&d, &h, NULL, 0);
	fd = accept(l, NULL, NULL);
	expect(VIRTIO_VSOCK_OP_RESPONSE);
	assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
	driver_turn(&d);
	assert_int_equal(expect(VIRTIO_VSOCK_OP_RW).len, 1000);
	expect(VIRTIO_VSOCK_OP_CREDIT_REQUEST);
	expect_nothing();
	h.op = VIRTIO_VSOCK_OP_CREDIT_UPDATE;
	h.fwd_cnt = 1000;
	driver_send(&d, &h, NULL, 0);
	assert_int_equal(expect(VIRTIO_VSOCK_OP_RW).len, 1000);
	close(fd);
	close(l);
}

static void two_streams_share_the_guests_buffers(void **state)
{
	int l = listen_at(PORT), a, b;
	struct virtio_vsock_hdr h = driver_header(VIRTIO_VSOCK_OP_REQUEST, GUEST_PORT + 1, PORT);
	static const char block[200000];
	unsigned from_a = 0, from_b = 0;

	a = connected(l);
	driver_send(&d, &h, NULL, 0);
	b = accept(l, NULL, NULL);
	expect(VIRTIO_VSOCK_OP_RESPONSE);
	d.down = true;
	assert_true(send(a, block, sizeof(block), MSG_DONTWAIT) > 100000);
	assert_true(send(b, block, sizeof(block), MSG_DONTWAIT) > 100000);
	driver_turn(&d);
	d.down = false;
	vsock_device_work(d.device);
	/* 64 buffers were there: neither stream got all of them. */
	while (driver_receive(&d, &h, data))
		*(h.dst_port == GUEST_PORT ? &from_a : &from_b) += 1;
	assert_true(from_a >= 16 && from_b >= 16);
	close(a);
	close(b);
	close(l);
}

static void connections_have_a_limit(void **state)
{
	struct rlimit limit = { 4096, 4096 };
	int l = listen_at(PORT), fds[VSOCK_CONNECTIONS_MAX + 1], refused = 0;
	struct virtio_vsock_hdr h;

	if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
		close(l);
		skip();
	}
	for (uint32_t i = 0; i <= VSOCK_CONNECTIONS_MAX; i++) {
		h = driver_header(VIRTIO_VSOCK_OP_REQUEST, 10000 + i, PORT);
		driver_send(&d, &h, NULL, 0);
		assert_true(driver_receive(&d, &h, data));
		refused += h.op == VIRTIO_VSOCK_OP_RST;
		fds[i] = refused ? -1 : accept(l, NULL, NULL);
	}
	assert_int_equal(refused, 1);
	/* All end with their guest. */
	vsock_device_reset(d.device);
	assert_int_equal(read(fds[0], data, 1), 0);
	assert_int_equal(read(fds[VSOCK_CONNECTIONS_MAX - 1], data, 1), 0);
	for (int i = 0; i < VSOCK_CONNECTIONS_MAX; i++)
		close(fds[i]);
	close(l);
}

static void a_busy_listener_is_waited_for(void **state)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int l = socket(AF_UNIX, SOCK_STREAM, 0), first, second, early;
	struct virtio_vsock_hdr h = driver_header(VIRTIO_VSOCK_OP_REQUEST, GUEST_PORT, PORT);
	int64_t until = time_now_ms() + 2000;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s_%d", d.uds, PORT);
	assert_int_equal(bind(l, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(l, 0), 0);
	/* One that waits to be accepted fills it. */
	early = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(connect(early, (struct sockaddr *)&sun, sizeof(sun)), 0);
	driver_send(&d, &h, NULL, 0);
	expect_nothing();
	first = accept(l, NULL, NULL);
	while (!driver_receive(&d, &h, data) && time_now_ms() < until)
		driver_turn(&d);
	assert_int_equal(h.op, VIRTIO_VSOCK_OP_RESPONSE);
	second = accept(l, NULL, NULL);
	assert_true(second >= 0);
	close(first);
	close(second);
	close(early);
	close(l);
}

static void long_paths_go_through_their_folder(void **state)
{
	struct vsock_transport t = { driver_ring, driver_tell, &d };
	char dir[160], uds[200], port[220];
	struct err e = { 0 };
	int l, at;

	snprintf(dir, sizeof(dir), "%s/%0100d", d.dir, 0);
	snprintf(uds, sizeof(uds), "%s/v", dir);
	snprintf(port, sizeof(port), "%s_%d", uds, PORT);
	assert_ok(path_make_dirs(dir, 0700, &e));
	assert_ok(fd_listen_unix(uds, 0600, &l, &e));
	assert_ok(fd_listen_unix(port, 0600, &at, &e));
	vsock_device_free(d.device);
	assert_ok(vsock_device_new(d.loop, DRIVER_CID, l, uds, &t, &d.device, &e));
	guest_sends(VIRTIO_VSOCK_OP_REQUEST, PORT, 0, NULL, 0);
	expect(VIRTIO_VSOCK_OP_RESPONSE);
	close(accept(at, NULL, NULL));
	close(at);
	vsock_device_free(d.device);
	d.device = NULL;
	close(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(guest_calls_host, start, stop),
		cmocka_unit_test_setup_teardown(nobody_listens, start, stop),
		cmocka_unit_test_setup_teardown(host_calls_guest, start, stop),
		cmocka_unit_test_setup_teardown(guest_refuses_host, start, stop),
		cmocka_unit_test_setup_teardown(bad_greetings_are_hung_up_on, start, stop),
		cmocka_unit_test_setup_teardown(greetings_may_come_in_pieces, start, stop),
		cmocka_unit_test_setup_teardown(half_close_is_firecrackers, start, stop),
		cmocka_unit_test_setup_teardown(slow_host_keeps_all_bytes, start, stop),
		cmocka_unit_test_setup_teardown(a_guest_beyond_its_credit_is_cut, start, stop),
		cmocka_unit_test_setup_teardown(the_guests_credit_is_kept, start, stop),
		cmocka_unit_test_setup_teardown(two_streams_share_the_guests_buffers, start, stop),
		cmocka_unit_test_setup_teardown(a_busy_listener_is_waited_for, start, stop),
		cmocka_unit_test_setup_teardown(long_paths_go_through_their_folder, start, stop),
		cmocka_unit_test_setup_teardown(connections_have_a_limit, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
