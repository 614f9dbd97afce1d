/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client calls three times, and the other end (a guest, say) answers with any bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "proto/io_banger.h"
#include "proto/io_banger_agent.h"
#include "peer.h"

enum { PEER_MS = 2000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_reply(const struct vm_create_out *out, void *arg)
{
	if (out->progress && !out->progress->stage)
		abort();
}

/* By a path, with a descriptor that goes out and one asked for, a call that wants no answer, and an end in the middle. */
static void by_path(const uint8_t *data, size_t size)
{
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	AUTO_DONE(vm_connect_out_done) struct vm_connect_out out = { 0 };
	struct image_import_in import = { .name = (char[]){ "i" }, .format = IMAGE_FORMAT_TAR };
	struct err e = { 0 };
	struct peer p;
	int fd;

	peer_start(&p, data, size);
	if (varlink_client_connect(p.path, &c, &e) < 0)
		abort();
	varlink_client_set_deadline(c, time_now_ms() + PEER_MS);
	import.file = varlink_client_attach_fd(c, 0);
	if (call_image_import_oneway(c, &import, &e) < 0)
		err_clear(&e);
	if (call_vm_connect(c, &(struct vm_connect_in){ .vm = import.name }, &out, &e) == 0) {
		fd = varlink_client_take_fd(c, out.socket);
		if (fd >= 0)
			abort();
	}
	varlink_client_free(TAKE_PTR(c));
	peer_stop(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	AUTO_DONE(health_out_done) struct health_out health = { 0 };
	AUTO_DONE(vm_create_out_done) struct vm_create_out created = { 0 };
	AUTO_DONE(str_done) struct str leftover = STR_INIT;
	struct vm_create_in create = { .name = (char[]){ "otter" } };
	struct err e = { 0 };
	int p[2], fd = -1;

	if (size > 65536)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p) < 0 || write(p[0], data, size) != (ssize_t)size)
		abort();
	shutdown(p[0], SHUT_WR);
	if (varlink_client_from_fd(p[1], &c, &e) < 0)
		abort();
	varlink_client_set_max(c, 4096);
	if (call_health(c, NULL, &health, &e) < 0)
		err_clear(&e);
	if (call_vm_create_more(c, &create, on_reply, NULL, &created, &e) < 0) {
		if (strlen(e.msg) >= sizeof(e.msg) || strchr(e.msg, '\x1b'))
			abort();
		err_clear(&e);
	}
	if (call_exec_upgrade(c, &(struct exec_in){ 0 }, NULL, &e) == 0) {
		varlink_client_steal_fd(c, &fd, &leftover);
		close(fd);
	}
	close(p[0]);
	by_path(data, size);
	return 0;
}
