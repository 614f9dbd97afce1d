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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_reply(const struct vm_create_out *out, void *arg)
{
	if (out->progress && !out->progress->stage)
		abort();
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
	return 0;
}
