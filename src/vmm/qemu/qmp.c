/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/qemu/qmp.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

/* One connection; QEMU serves one at a time. */
struct qmp {
	int fd;
	struct str in;
	int64_t deadline_ms;
};

static void qmp_done(struct qmp *q)
{
	auto_fd_close(&q->fd);
	str_done(&q->in);
}

int qmp_parse(const char *line, size_t n, enum qmp_kind *ret_kind, struct json **ret_message, struct err *e)
{
	AUTO(json_free) struct json *j = NULL;

	if (json_parse(line, n, &j, e) < 0) {
		err_clear(e);
		return err_set(e, ERR_CORRUPT, "QMP: no JSON");
	}
	if (json_is_object(json_get(j, "QMP")))
		*ret_kind = QMP_GREETING;
	else if (json_get(j, "return"))
		*ret_kind = QMP_RETURN;
	else if (json_is_object(json_get(j, "error")))
		*ret_kind = QMP_ERROR;
	else if (json_string(json_get(j, "event")))
		*ret_kind = QMP_EVENT;
	else
		return err_set(e, ERR_CORRUPT, "QMP: neither greeting, answer nor event");
	*ret_message = TAKE_PTR(j);
	return 0;
}

/* Reads until a line is whole and takes it out of the buffer. */
static MUST int read_line(struct qmp *q, char **ret, size_t *ret_n, struct err *e)
{
	for (;;) {
		const char *end = q->in.len ? memchr(q->in.data, '\n', q->in.len) : NULL;
		if (end) {
			size_t n = (size_t)(end - q->in.data);
			*ret = mem_strndup(q->in.data, n);
			*ret_n = n;
			str_consume(&q->in, n + 1);
			return 0;
		}
		if (q->in.len > QMP_LINE_MAX)
			return err_set(e, ERR_CORRUPT, "QMP: a line of more than %d bytes", QMP_LINE_MAX);
		if (fd_wait(q->fd, POLLIN, q->deadline_ms, e) < 0)
			return err_wrap(e, "QMP");
		ssize_t got = read(q->fd, str_reserve(&q->in, 4096), 4096);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got < 0)
			return err_sys(e, errno, "QMP: read");
		if (got == 0)
			return err_set(e, ERR_UNAVAILABLE, "QMP: QEMU hung up");
		q->in.len += (size_t)got;
	}
}

/* The next message that is no event. Events may come at any time; the guest's end is seen by its process. */
static MUST int next_answer(struct qmp *q, enum qmp_kind *ret_kind, struct json **ret, struct err *e)
{
	enum qmp_kind kind = QMP_EVENT;

	while (kind == QMP_EVENT) {
		AUTO_MEM char *line = NULL;
		AUTO(json_free) struct json *j = NULL;
		size_t n = 0;
		if (read_line(q, &line, &n, e) < 0 || qmp_parse(line, n, &kind, &j, e) < 0)
			return -1;
		if (kind != QMP_EVENT) {
			*ret_kind = kind;
			*ret = TAKE_PTR(j);
		}
	}
	return 0;
}

static MUST int execute(struct qmp *q, const char *command, struct json **ret, struct err *e)
{
	AUTO_MEM char *line = mem_printf("{\"execute\":\"%s\"}\n", command);
	AUTO(json_free) struct json *j = NULL;
	enum qmp_kind kind = QMP_EVENT;

	if (fd_write_all(q->fd, line, strlen(line), q->deadline_ms, e) < 0)
		return err_wrap(e, "QMP: %s", command);
	if (next_answer(q, &kind, &j, e) < 0)
		return -1;
	if (kind == QMP_ERROR) {
		const char *why = json_string(json_get(json_get(j, "error"), "desc"));
		return err_set(e, ERR_STATE, "QMP: %s: %s", command, why ? why : "refused");
	}
	if (kind != QMP_RETURN)
		return err_set(e, ERR_CORRUPT, "QMP: %s: no answer", command);
	if (ret)
		*ret = TAKE_PTR(j);
	return 0;
}

static MUST int command(const char *api_path, int64_t deadline_ms, const char *name, struct json **ret, struct err *e)
{
	AUTO_DONE(qmp_done) struct qmp q = { .fd = -1, .deadline_ms = deadline_ms };
	AUTO(json_free) struct json *greeting = NULL;
	enum qmp_kind kind = QMP_EVENT;

	if (fd_connect_unix_nofollow(api_path, &q.fd, e) < 0)
		return err_wrap(e, "QMP");
	if (next_answer(&q, &kind, &greeting, e) < 0)
		return -1;
	if (kind != QMP_GREETING)
		return err_set(e, ERR_CORRUPT, "QMP: no greeting");
	if (execute(&q, "qmp_capabilities", NULL, e) < 0)
		return -1;
	return execute(&q, name, ret, e);
}

int qmp_query(const char *api_path, int64_t deadline_ms, enum vmm_run *ret, struct err *e)
{
	AUTO(json_free) struct json *j = NULL;
	const char *status;

	if (command(api_path, deadline_ms, "query-status", &j, e) < 0)
		return -1;
	status = json_string(json_get(json_get(j, "return"), "status"));
	if (str_eq(status, "running"))
		*ret = VMM_RUNNING;
	else if (str_eq(status, "prelaunch") || str_eq(status, "inmigrate"))
		*ret = VMM_NOT_STARTED;
	else if (status)
		*ret = VMM_PAUSED; /* paused, io-error, shutdown, ...: no guest instruction runs */
	else
		return err_set(e, ERR_CORRUPT, "QMP: query-status without a status");
	return 0;
}

int qmp_pause(const char *api_path, int64_t deadline_ms, struct err *e)
{
	return command(api_path, deadline_ms, "stop", NULL, e);
}

int qmp_resume(const char *api_path, int64_t deadline_ms, struct err *e)
{
	return command(api_path, deadline_ms, "cont", NULL, e);
}
