/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control messages of proto/exec_frames.h. */
#include <stdio.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/proc.h"
#include "proto/exec_frames.h"

/* A mandatory whole number within [min, max]. */
static MUST int number(const struct json *j, const char *key, int64_t min, int64_t max, int64_t *ret, struct err *e)
{
	int64_t value;

	if (!json_is_int(json_get(j, key), &value) || value < min || value > max)
		return err_set(e, ERR_CORRUPT, "control message: bad '%s'", key);
	*ret = value;
	return 0;
}

static MUST int signal_name(const char *name, int *ret, struct err *e)
{
	int sig = name ? proc_signal_number(name) : 0;

	if (sig <= 0)
		return err_set(e, ERR_CORRUPT, "control message: bad 'signal'");
	*ret = sig;
	return 0;
}

static MUST int read_resize(const struct json *j, struct exec_control *c, struct err *e)
{
	int64_t rows, columns;

	if (number(j, "rows", 0, UINT16_MAX, &rows, e) < 0 || number(j, "columns", 0, UINT16_MAX, &columns, e) < 0)
		return -1;
	*c = (struct exec_control){ .kind = EXEC_CONTROL_RESIZE, .rows = (uint16_t)rows, .columns = (uint16_t)columns };
	return 0;
}

static void copy_message(const struct json *j, struct exec_control *c)
{
	const char *text = json_string(json_get(j, "message"));

	snprintf(c->message, sizeof(c->message), "%s", text ? text : "");
}

static MUST int read_exit(const struct json *j, struct exec_control *c, struct err *e)
{
	int64_t status = 0;

	c->kind = EXEC_CONTROL_EXIT;
	copy_message(j, c);
	if (json_get(j, "signal"))
		return signal_name(json_string(json_get(j, "signal")), &c->signal, e);
	if (number(j, "status", 0, 255, &status, e) < 0)
		return -1;
	c->status = (int)status;
	return 0;
}

static MUST int read_message(const struct json *j, struct exec_control *c, struct err *e)
{
	const struct json *m;
	int64_t credit;

	if (json_get(j, "credit")) {
		if (number(j, "credit", 1, UINT32_MAX, &credit, e) < 0)
			return -1;
		c->kind = EXEC_CONTROL_CREDIT;
		c->credit = (uint32_t)credit;
		return 0;
	}
	if ((m = json_get(j, "resize")))
		return read_resize(m, c, e);
	if ((m = json_get(j, "signal"))) {
		c->kind = EXEC_CONTROL_SIGNAL;
		return signal_name(json_string(m), &c->signal, e);
	}
	if ((m = json_get(j, "exit")))
		return read_exit(m, c, e);
	if ((m = json_get(j, "error"))) {
		c->kind = EXEC_CONTROL_ERROR;
		copy_message(m, c);
	}
	return 0;
}

int exec_control_decode(const void *data, size_t n, struct exec_control *ret, struct err *e)
{
	AUTO(json_free) struct json *j = NULL;
	struct exec_control c = { .kind = EXEC_CONTROL_OTHER };
	struct err parse = { 0 };

	if (json_parse(data, n, &j, &parse) < 0 || !json_is_object(j))
		return err_set(e, ERR_CORRUPT, "control message: %s", parse.code ? parse.msg : "no object");
	if (read_message(j, &c, e) < 0)
		return -1;
	*ret = c;
	return 0;
}

static void write_exit(const struct exec_control *c, struct json_writer *w)
{
	json_open(w, "exit", '{');
	if (c->signal)
		json_put_string(w, "signal", proc_signal_name(c->signal));
	else
		json_put_int(w, "status", c->status);
	if (c->message[0])
		json_put_string(w, "message", c->message);
	json_close(w);
}

void exec_control_encode(const struct exec_control *c, struct str *out)
{
	struct json_writer w = { .out = out };

	json_open(&w, NULL, '{');
	switch (c->kind) {
	case EXEC_CONTROL_OTHER:
		break;
	case EXEC_CONTROL_CREDIT:
		json_put_int(&w, "credit", c->credit);
		break;
	case EXEC_CONTROL_RESIZE:
		json_open(&w, "resize", '{');
		json_put_int(&w, "rows", c->rows);
		json_put_int(&w, "columns", c->columns);
		json_close(&w);
		break;
	case EXEC_CONTROL_SIGNAL:
		json_put_string(&w, "signal", proc_signal_name(c->signal));
		break;
	case EXEC_CONTROL_EXIT:
		write_exit(c, &w);
		break;
	case EXEC_CONTROL_ERROR:
		json_open(&w, "error", '{');
		json_put_string(&w, "message", c->message);
		json_close(&w);
		break;
	}
	json_close(&w);
}

int exec_control_send(int fd, const struct exec_control *c, int64_t deadline_ms, struct err *e)
{
	AUTO_DONE(str_done) struct str s = STR_INIT;

	exec_control_encode(c, &s);
	return exec_frame_send(fd, EXEC_CONTROL, s.data, s.len, deadline_ms, e);
}
