/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto/varlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "proto/proto_internal.h"

enum { READ_BYTES = 64 << 10 };

static const char banger_prefix[] = "io.banger.";
static const char service_prefix[] = "org.varlink.service.";

const char *varlink_method_short(const struct varlink_method *m)
{
	return strrchr(m->name, '.') + 1;
}

const char *varlink_method_lock_ref(const struct varlink_method *m, const void *in)
{
	char *ref;

	if (m->lock_field < 0)
		return NULL;
	memcpy(&ref, (const char *)in + m->in->fields[m->lock_field].at, sizeof(ref));
	return ref;
}

void varlink_fds_close(struct varlink_fds *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->fd[i] >= 0)
			close(f->fd[i]);
	f->n = 0;
}

int varlink_fds_take(struct varlink_fds *f, int64_t index)
{
	if (index < 0 || (uint64_t)index >= f->n)
		return -1;
	return TAKE_FD(f->fd[index]);
}

void varlink_input_done(struct varlink_input *in)
{
	for (size_t i = 0; i < in->n_fds; i++)
		close(in->fds[i].fd);
	str_done(&in->buf);
	*in = (struct varlink_input){ 0 };
}

size_t varlink_input_left(const struct varlink_input *in)
{
	return in->buf.len - in->at;
}

static void compact(struct varlink_input *in)
{
	/* An idle connection keeps no buffer. */
	if (in->at == in->buf.len)
		str_done(&in->buf);
	else
		str_consume(&in->buf, in->at);
	in->at = 0;
}

void varlink_input_add(struct varlink_input *in, const void *data, size_t n)
{
	compact(in);
	str_add_bytes(&in->buf, data, n);
	in->total += n;
}

ssize_t varlink_input_read(struct varlink_input *in, int sock)
{
	char buf[READ_BYTES];
	int fds[FD_PASS_MAX];
	size_t n_fds = 0;
	ssize_t got = fd_recv_msg(sock, buf, in->exact ? 1 : sizeof(buf), fds, &n_fds);

	if (got < 0)
		return -1;
	if (got > 0)
		varlink_input_add(in, buf, (size_t)got);
	if (n_fds > VARLINK_MAX_PENDING_FDS - in->n_fds || (n_fds && got == 0)) {
		for (size_t i = 0; i < n_fds; i++)
			close(fds[i]);
		errno = EPROTO;
		return -1;
	}
	for (size_t i = 0; i < n_fds; i++) {
		in->fds[in->n_fds].fd = fds[i];
		in->fds[in->n_fds++].pos = in->total - 1;
	}
	return got;
}

/* Moves the descriptors that came up to stream position end to ret; those beyond FD_PASS_MAX are closed. */
static void cut_fds(struct varlink_input *in, uint64_t end, struct varlink_fds *ret)
{
	size_t n = 0;

	ret->n = 0;
	for (; n < in->n_fds && in->fds[n].pos < end; n++) {
		if (ret->n < FD_PASS_MAX)
			ret->fd[ret->n++] = in->fds[n].fd;
		else
			close(in->fds[n].fd);
	}
	in->n_fds -= n;
	memmove(in->fds, in->fds + n, in->n_fds * sizeof(in->fds[0]));
}

int varlink_input_next(struct varlink_input *in, size_t max, const char **ret_text, size_t *ret_n, struct varlink_fds *ret_fds)
{
	size_t left = varlink_input_left(in), n;
	const char *from, *nul = NULL;

	if (!left)
		return 0;
	from = in->buf.data + in->at;
	if (left > in->scanned)
		nul = memchr(from + in->scanned, 0, left - in->scanned);
	n = nul ? (size_t)(nul - from) : left;
	if (n > max)
		return -1;
	if (!nul) {
		in->scanned = left;
		return 0;
	}
	in->scanned = 0;
	in->at += n + 1;
	cut_fds(in, in->total - varlink_input_left(in), ret_fds);
	*ret_text = from;
	*ret_n = n;
	return 1;
}

void varlink_error_write(const struct err *e, struct str *out)
{
	struct json_writer w = { .out = out };

	json_open(&w, NULL, '{');
	AUTO_MEM char *name = mem_printf("%s%s", banger_prefix, err_code_name(e->code));
	json_put_string(&w, "error", name);
	json_open(&w, "parameters", '{');
	json_put_string(&w, "message", e->msg);
	if (e->hint[0])
		json_put_string(&w, "hint", e->hint);
	if (e->op[0])
		json_put_string(&w, "operation", e->op);
	json_close(&w);
	json_close(&w);
	str_add_char(out, 0);
}

/* What another process says goes to a terminal in the end. */
static void copy_text(char *to, size_t size, const char *from)
{
	size_t n = from ? strnlen(from, size - 1) : 0;

	for (size_t i = 0; i < n; i++)
		to[i] = ((unsigned char)from[i] < 0x20 && from[i] != '\n') || from[i] == 0x7f ? '?' : from[i];
	to[n] = 0;
}

static int foreign_error(const char *prefix, const char *name, struct err *e)
{
	char shown[128];

	copy_text(shown, sizeof(shown), name);
	return err_set(e, ERR_INTERNAL, "the other end answered with error '%s%s'", prefix, shown);
}

static int service_error(const char *name, const struct json *parameters, struct err *e)
{
	static const struct {
		const char *name, *parameter;
		enum err_code code;
		const char *before, *after;
	} rows[] = {
		{ "MethodNotFound", "method", ERR_INVALID, "method '", "' is not known to the other end (another build?)" },
		{ "MethodNotImplemented", "method", ERR_INVALID, "method '", "' is not known to the other end (another build?)" },
		{ "InterfaceNotFound", "interface", ERR_INVALID, "interface '", "' is not known to the other end (another build?)" },
		{ "InvalidParameter", "parameter", ERR_INVALID, "parameter '", "' was refused" },
		{ "PermissionDenied", "", ERR_DENIED, "", "the other end refuses permission" },
		{ "ExpectedMore", "", ERR_INVALID, "", "the other end wants a call with 'more'" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *text = json_string(json_get(parameters, "message"));
		const char *what = json_string(json_get(parameters, rows[i].parameter));
		if (strcmp(rows[i].name, name))
			continue;
		AUTO_MEM char *made = mem_printf("%s%s%s", rows[i].before, what ? what : "", rows[i].after);
		err_set(e, rows[i].code, " ");
		copy_text(e->msg, sizeof(e->msg), text ? text : made);
		return -1;
	}
	return foreign_error(service_prefix, name, e);
}

int varlink_error_read(const char *name, const struct json *parameters, struct err *e)
{
	const char *text = json_string(json_get(parameters, "message"));
	if (str_starts(name, service_prefix))
		return service_error(name + strlen(service_prefix), parameters, e);
	if (str_starts(name, banger_prefix) && text) {
		err_set(e, err_code_from_name(name + strlen(banger_prefix)), " ");
		copy_text(e->msg, sizeof(e->msg), text);
		copy_text(e->hint, sizeof(e->hint), json_string(json_get(parameters, "hint")));
		copy_text(e->op, sizeof(e->op), json_string(json_get(parameters, "operation")));
		return -1;
	}
	return foreign_error("", name, e);
}
