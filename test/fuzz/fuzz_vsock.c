/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets of a hostile guest, and a host that connects, writes, reads and closes at any time. Input: acts of a byte and their arguments. */
#include <stdint.h>
#include <string.h>

#include "../unit/vsock/driver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PORT = 5, HOSTS = 4 };

struct fuzz {
	struct driver d;
	int listen_fd;
	int host[HOSTS];
	const uint8_t *at;
	size_t left;
};

static uint32_t take(struct fuzz *f, unsigned n)
{
	uint32_t v = 0;

	for (; n && f->left; n--, f->left--)
		v = v << 8 | *f->at++;
	return v;
}

static int *slot(struct fuzz *f)
{
	return &f->host[take(f, 1) % HOSTS];
}

static void replace(int *fd, int with)
{
	if (*fd >= 0)
		close(*fd);
	*fd = with;
}

static void guest_sends(struct fuzz *f)
{
	static const char data[DRIVER_TX_BYTES - sizeof(struct virtio_vsock_hdr)];
	uint16_t op = (uint16_t)take(f, 1); /* one at a time: compilers take arguments in either order */
	uint32_t guest_port = 100 + take(f, 1) % 4;
	struct virtio_vsock_hdr h = driver_header(op, guest_port, PORT);
	uint32_t host_port = take(f, 1);

	if (host_port)
		h.dst_port = host_port == 1 ? PORT + 1 : (1u << 30) + host_port - 2;
	h.flags = take(f, 1);
	h.len = take(f, 2);
	h.buf_alloc = take(f, 2) << 4;
	h.fwd_cnt = take(f, 2);
	if (h.flags & 0x80)
		h.src_cid = take(f, 1);
	if (h.flags & 0x40)
		h.type = (uint16_t)take(f, 1);
	/* Sometimes less data than the header says. */
	size_t n = h.flags & 0x20 ? h.len / 2 : h.len;
	driver_send(&f->d, &h, data, n < sizeof(data) ? n : sizeof(data));
}

static void host_connects(struct fuzz *f)
{
	char line[48];
	size_t n = 0, want = take(f, 1) % sizeof(line);
	struct err e = { 0 };
	int *fd = slot(f), new_fd = -1;

	while (n < want && f->left)
		line[n++] = (char)take(f, 1);
	if (fd_connect_unix(f->d.uds, &new_fd, &e) < 0)
		return;
	replace(fd, new_fd);
	if (n)
		send(new_fd, line, n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void act(struct fuzz *f)
{
	static char buf[1 << 16];
	char data[DRIVER_RX_BYTES];
	struct virtio_vsock_hdr h;
	int *fd;

	switch (take(f, 1) % 8) {
	case 0:
		guest_sends(f);
		return;
	case 1:
		host_connects(f);
		return;
	case 2:
		replace(slot(f), accept4(f->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
		return;
	case 3:
		fd = slot(f);
		send(*fd, buf, take(f, 2), MSG_NOSIGNAL | MSG_DONTWAIT);
		return;
	case 4:
		recv(*slot(f), buf, sizeof(buf), MSG_DONTWAIT);
		return;
	case 5:
		replace(slot(f), -1);
		return;
	case 6:
		while (driver_receive(&f->d, &h, data))
			;
		vsock_device_work(f->d.device);
		return;
	default:
		if (take(f, 1) == 0)
			vsock_device_reset(f->d.device);
		driver_turn(&f->d);
		return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = { .at = data, .left = size < 4096 ? size : 4096 };
	struct err e = { 0 };
	char path[80];

	driver_start(&f.d, 16);
	snprintf(path, sizeof(path), "%s_%d", f.d.uds, PORT);
	/* Few may wait there, so that the device meets a full queue. */
	if (fd_listen_unix(path, 0600, &f.listen_fd, &e) < 0 || listen(f.listen_fd, 1) < 0)
		return 0;
	for (unsigned i = 0; i < HOSTS; i++)
		f.host[i] = -1;
	while (f.left) {
		act(&f);
		driver_turn(&f.d);
	}
	for (unsigned i = 0; i < HOSTS; i++)
		replace(&f.host[i], -1);
	driver_turn(&f.d);
	driver_stop(&f.d);
	close(f.listen_fd);
	return 0;
}
