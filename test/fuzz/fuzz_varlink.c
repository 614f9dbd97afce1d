/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A server is fed any bytes; handlers answer in every way there is. What it writes is messages, and nothing stays behind. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "proto/io_banger.h"
#include "proto/io_banger_agent.h"
#include "proto/io_banger_worker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct varlink_call *waiting;
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

	if (varlink_call_take_fd(call, params->vcpus) >= 0)
		abort();
	for (int64_t i = 0; i < params->vcpus && i < 50; i++)
		reply_vm_create_continue(call, out);
	out->warning = mem_strdup(params->name);
	return 0;
}

static void on_stream(int fd, struct str *leftover, void *arg)
{
	pending--;
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
	return 0;
}
