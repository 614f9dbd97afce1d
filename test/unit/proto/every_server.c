/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "every_server.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "proto/org_example_every.h"

const struct varlink_interface *const every_ifaces[1] = { &org_example_every_interface };

void every_refused(const struct ucred *peer, const char *why, void *context)
{
	struct every *s = context;

	snprintf(s->why, sizeof(s->why), "%s", why);
	s->refused++;
}

void every_disconnected(struct varlink_conn *conn, void *context)
{
	struct every *s = context;

	if (s)
		s->disconnected++;
}

int on_echo(struct varlink_call *call, const struct echo_in *in, struct echo_out *ret, struct err *e)
{
	all_copy(&ret->all, &in->all);
	return 0;
}

int on_count(struct varlink_call *call, const struct count_in *in, struct count_out *ret, struct err *e)
{
	if (in->to < 0) {
		err_set(e, ERR_INVALID, "cannot count to %lld", (long long)in->to);
		return err_hint(e, "count upwards");
	}
	for (int64_t i = 0; i < in->to; i++)
		reply_count_continue(call, &(struct count_out){ .n = i });
	ret->n = in->to;
	return 0;
}

int on_fail(struct varlink_call *call, const struct fail_in *in, struct fail_out *ret, struct err *e)
{
	err_set(e, err_code_from_name(in->code), "failed as told");
	snprintf(e->op, sizeof(e->op), "op-1");
	return err_hint(e, "do not ask for it");
}

int on_swap(struct varlink_call *call, const struct swap_in *in, struct swap_out *ret, struct err *e)
{
	int fd = varlink_call_take_fd(call, in->file), p[2];

	if (fd < 0 || varlink_call_take_fd(call, in->file) >= 0)
		return err_set(e, ERR_INVALID, "no descriptor %lld of %zu", (long long)in->file, varlink_call_n_fds(call));
	if (pipe2(p, O_CLOEXEC) < 0 || write(p[1], "second", 6) != 6)
		abort();
	close(p[1]);
	ret->first = varlink_call_attach_fd(call, fd);
	ret->second = varlink_call_attach_fd(call, p[0]);
	return 0;
}

static void hold_gone(void *arg)
{
	struct every *s = arg;
	struct varlink_call *call = s->held;
	struct err e = { 0 };

	s->gone++;
	s->held = NULL;
	if (!varlink_call_gone(call) || varlink_call_context(call))
		abort();
	err_set(&e, ERR_CANCELLED, "nobody reads this");
	varlink_reply_error(call, &e);
}

int on_hold(struct varlink_call *call, const struct hold_in *in, struct hold_out *ret, struct err *e)
{
	struct every *s = varlink_call_server_context(call);

	if (s->held)
		return err_set(e, ERR_BUSY, "one is held already");
	s->held = call;
	varlink_call_on_gone(call, hold_gone, s);
	return VARLINK_LATER;
}

int on_release(struct varlink_call *call, const struct release_in *in, struct release_out *ret, struct err *e)
{
	struct every *s = varlink_call_server_context(call);

	ret->gone = s->gone;
	if (s->held)
		reply_hold(TAKE_PTR(s->held), &(struct hold_out){ .held = true });
	return 0;
}

int on_note(struct varlink_call *call, const struct note_in *in, struct note_out *ret, struct err *e)
{
	struct every *s = varlink_call_server_context(call);
	size_t n = strlen(s->notes);

	snprintf(s->notes + n, sizeof(s->notes) - n, "%s;", in->text);
	return 0;
}

int on_notes(struct varlink_call *call, const struct notes_in *in, struct notes_out *ret, struct err *e)
{
	struct every *s = varlink_call_server_context(call);

	ret->text = mem_strdup(s->notes);
	ret->connections = (int64_t)varlink_server_connections(s->srv);
	return 0;
}

int on_big(struct varlink_call *call, const struct big_in *in, struct big_out *ret, struct err *e)
{
	struct big_out step = { 0 };

	if (in->size < 0 || in->size > 1 << 24)
		return err_set(e, ERR_INVALID, "size");
	ret->text = mem_new((size_t)in->size + 1);
	memset(ret->text, 'x', (size_t)in->size);
	/* Far more progress than a connection may hold back. */
	step.text = ret->text;
	for (int i = 0; i < 100; i++)
		reply_big_continue(call, &step);
	return 0;
}

/* Writes back what came behind the request, then one read. The test's socket is small enough in use to take both. */
static void raw(int fd, struct str *leftover, void *arg)
{
	struct every *s = arg;
	struct err e = { 0 };
	char buf[64];
	ssize_t n;

	if (fd < 0) {
		s->gone++;
		return;
	}
	if (leftover->len && write(fd, leftover->data, leftover->len) < 0)
		abort();
	if (fd_wait(fd, 1 /* POLLIN */, time_now_ms() + 5000, &e) == 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		if (write(fd, buf, (size_t)n) != n)
			abort();
	close(fd);
}

int on_raw(struct varlink_call *call, const struct raw_in *in, struct raw_out *ret, struct err *e)
{
	if (!varlink_call_upgrade(call))
		abort();
	varlink_call_steal_fd(call, raw, varlink_call_server_context(call));
	if (strcmp(in->greeting, "refuse") == 0)
		return err_set(e, ERR_DENIED, "no upgrade for you");
	ret->greeting = mem_printf("%s to pid %d", in->greeting, (int)varlink_call_peer(call).pid);
	return 0;
}
