/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A server is fed any bytes; handlers answer in every way there is. What it writes is messages, and nothing stays behind. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/mem.h"
#include "proto/io_banger.h"
#include "proto/io_banger_agent.h"
#include "proto/io_banger_worker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct varlink_call *waiting;
static struct loop *ending;
static int pending;

static void on_gone(void *arg)
{
	struct err e = { 0 };

	pending--;
	err_set(&e, ERR_CANCELLED, "gone");
	varlink_reply_error(TAKE_PTR(waiting), &e);
}

/* Finish: answered at once; Fail: an error; Journal: never answered; WaitReady: answered before it returns. */
static int run_worker(struct varlink_call *call, void *in, void *ret, struct err *e)
{
	const struct varlink_method *m = varlink_call_method(call);

	if (m == &fail_method)
		return err_set(e, err_code_from_name(((struct fail_in *)in)->code), "%s", ((struct fail_in *)in)->message);
	if (m == &journal_method) {
		waiting = call;
		pending++;
		varlink_call_on_gone(call, on_gone, NULL);
		return VARLINK_LATER;
	}
	if (m == &wait_ready_method) {
		varlink_reply(call, ret);
		return VARLINK_LATER;
	}
	return 0;
}

static int run_create(struct varlink_call *call, void *in, void *ret, struct err *e)
{
	const struct vm_create_in *params = in;
	struct vm_create_out *out = ret;

	int fd = varlink_call_take_fd(call, params->vcpus);

	if (fd >= 0 && params->vcpus)
		abort();
	if (fd >= 0)
		varlink_call_attach_fd(call, fd);
	for (int64_t i = 0; i < params->vcpus && i < 50; i++)
		reply_vm_create_continue(call, out);
	out->warning = mem_strdup(params->name);
	return 0;
}

static void on_stream(int fd, struct str *leftover, void *arg)
{
	pending--;
	if (fd >= 0)
		close(fd);
}

static int run_exec(struct varlink_call *call, void *in, void *ret, struct err *e)
{
	const struct exec_in *params = in;
	struct exec_out *out = ret;

	if (!varlink_call_upgrade(call))
		abort();
	if (!params->n_argv)
		return err_set(e, ERR_INVALID, "no command");
	pending++;
	varlink_call_steal_fd(call, on_stream, NULL);
	out->pid = 7;
	return 0;
}

static const struct varlink_row worker_rows[] = {
	{ &finish_method, run_worker }, { &fail_method, run_worker }, { &journal_method, run_worker }, { &wait_ready_method, run_worker },
};
static const struct varlink_row banger_rows[] = { { &vm_create_method, run_create } };
static const struct varlink_row agent_rows[] = { { &exec_method, run_exec } };
static const struct varlink_interface worker = { "io.banger.Worker", io_banger_worker_description, worker_rows, ARRAY_LEN(worker_rows) };
static const struct varlink_interface banger = { "io.banger", io_banger_description, banger_rows, ARRAY_LEN(banger_rows) };
static const struct varlink_interface agent = { "io.banger.Agent", io_banger_agent_description, agent_rows, ARRAY_LEN(agent_rows) };

static void on_end(struct varlink_conn *conn, void *context)
{
	loop_stop(ending);
}

/* The same by a socket, with a descriptor at the first byte, from a client that then hangs up and reads nothing. */
static void by_socket(const struct varlink_interface *const *ifaces, size_t n, const struct varlink_server_conf *like, const uint8_t *data, size_t size)
{
	struct varlink_server_conf conf = *like;
	struct varlink_server *srv = NULL;
	struct loop *loop = NULL;
	struct err e = { 0 };
	int p[2], one = dup(0);

	conf.on_disconnect = on_end;
	if (size > 65536 || one < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p) < 0 || loop_new(&loop, &e) < 0 ||
	    varlink_server_new(loop, ifaces, n, &conf, &srv, &e) < 0)
		abort();
	ending = loop;
	if (size && fd_send_msg(p[0], data, size, &one, 1) != (ssize_t)size)
		abort();
	close(one);
	close(p[0]);
	if (varlink_server_add(srv, p[1], NULL, NULL, &e) < 0 || loop_run(loop, &e) < 0)
		abort();
	varlink_server_free(srv);
	loop_free(loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct varlink_interface *const ifaces[] = { &banger, &worker, &agent };
	struct varlink_server_conf conf = { .max_message = 4096, .json_flags = size % 2 ? JSON_STRICT : 0 };
	AUTO(varlink_server_free) struct varlink_server *srv = NULL;
	AUTO_DONE(str_done) struct str out = STR_INIT;
	struct err e = { 0 };

	if (varlink_server_new(NULL, ifaces, ARRAY_LEN(ifaces), &conf, &srv, &e) < 0)
		abort();
	varlink_server_feed(srv, data, size, &out);
	for (size_t at = 0; at < out.len; at += strlen(out.data + at) + 1) {
		AUTO(json_free) struct json *j = NULL;
		if (json_parse(out.data + at, strlen(out.data + at), &j, &e) < 0)
			abort();
	}
	if (varlink_server_connections(srv) || pending || waiting)
		abort();
	by_socket(ifaces, ARRAY_LEN(ifaces), &conf, data, size);
	if (pending || waiting)
		abort();
	return 0;
}
