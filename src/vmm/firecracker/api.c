/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/firecracker/api.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

enum { HEAD_MAX = 8 * 1024, STATUS_OK = 200, STATUS_NONE = 204 };

static int corrupt(struct err *e)
{
	return err_set(e, ERR_CORRUPT, "no answer of Firecracker's API");
}

/* The value of Content-Length in the header lines, 0 when there is none. */
static MUST int read_length(const char *head, const char *end, size_t *ret, struct err *e)
{
	static const char name[] = "content-length:";
	size_t value = 0;

	for (const char *line = head; line < end; line = (const char *)memmem(line, (size_t)(end - line), "\r\n", 2) + 2) {
		if ((size_t)(end - line) < sizeof(name) || strncasecmp(line, name, sizeof(name) - 1) != 0)
			continue;
		const char *p = line + sizeof(name) - 1;
		while (*p == ' ')
			p++;
		if (!isdigit((unsigned char)*p))
			return corrupt(e);
		for (; isdigit((unsigned char)*p); p++) {
			value = value * 10 + (size_t)(*p - '0');
			if (value > FIRECRACKER_ANSWER_MAX)
				return corrupt(e);
		}
		if (*p == ' ' || *p == '\r') {
			*ret = value;
			return 0;
		}
		return corrupt(e);
	}
	*ret = 0;
	return 0;
}

int firecracker_api_parse(const char *text, size_t n, bool *ret_whole, int *ret_status, size_t *ret_body_at, size_t *ret_len, struct err *e)
{
	static const char begin[] = "HTTP/1.1 ";
	const char *end = memmem(text, n, "\r\n\r\n", 4);
	size_t got = n < sizeof(begin) - 1 ? n : sizeof(begin) - 1, head = sizeof(begin) - 1, len;
	const char *lines;

	if (memcmp(text, begin, got) != 0 || (!end && n > HEAD_MAX))
		return corrupt(e);
	*ret_whole = false;
	if (!end)
		return 0;
	end += 2; /* behind the last header's line end */
	if ((size_t)(end - text) < head + 5 || !isdigit((unsigned char)text[head]) || !isdigit((unsigned char)text[head + 1]) ||
	    !isdigit((unsigned char)text[head + 2]) || (text[head + 3] != ' ' && text[head + 3] != '\r'))
		return corrupt(e);
	*ret_status = atoi(text + head);
	lines = (const char *)memmem(text, (size_t)(end - text), "\r\n", 2) + 2;
	if (*ret_status < 100 || *ret_status > 599 || read_length(lines, end, &len, e) < 0)
		return *ret_status < 100 || *ret_status > 599 ? corrupt(e) : -1;
	*ret_body_at = (size_t)(end - text) + 2;
	*ret_len = len;
	*ret_whole = n - *ret_body_at >= len;
	return 0;
}

/* Reads one answer; *ret_body is the caller's, NUL-terminated. */
static MUST int read_answer(int fd, int64_t deadline_ms, int *ret_status, char **ret_body, size_t *ret_len, struct err *e)
{
	AUTO_DONE(str_done) struct str in = STR_INIT;
	bool whole = false;
	size_t at = 0, len = 0;

	while (!whole) {
		if (in.len > FIRECRACKER_ANSWER_MAX + HEAD_MAX)
			return corrupt(e);
		if (fd_wait(fd, POLLIN, deadline_ms, e) < 0)
			return -1;
		ssize_t got = read(fd, str_reserve(&in, 4096), 4096);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got < 0)
			return err_sys(e, errno, "read");
		if (got == 0)
			return err_set(e, ERR_UNAVAILABLE, "Firecracker hung up");
		in.len += (size_t)got;
		if (firecracker_api_parse(in.data, in.len, &whole, ret_status, &at, &len, e) < 0)
			return -1;
	}
	*ret_body = mem_strndup(in.data + at, len);
	*ret_len = len;
	return 0;
}

/* One call on a connection of its own. A refusal carries Firecracker's own words. */
static MUST int call(const char *api_path, const char *method, const char *what, const char *body, int64_t deadline_ms, struct json **ret, struct err *e)
{
	AUTO_MEM char *request = mem_printf("%s %s HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\nContent-Type: application/json\r\n"
					    "Content-Length: %zu\r\n\r\n%s", method, what, strlen(body), body);
	AUTO(json_free) struct json *answer = NULL;
	AUTO_MEM char *text = NULL;
	AUTO_FD int fd = -1;
	int status = 0;
	size_t len = 0;

	if (fd_connect_unix_nofollow(api_path, &fd, e) < 0 || fd_write_all(fd, request, strlen(request), deadline_ms, e) < 0 ||
	    read_answer(fd, deadline_ms, &status, &text, &len, e) < 0)
		return err_wrap(e, "Firecracker's API");
	if (len && json_parse(text, len, &answer, e) < 0)
		return err_wrap(e, "Firecracker's API");
	if (status != STATUS_OK && status != STATUS_NONE) {
		const char *fault = json_string(json_get(answer, "fault_message"));
		return err_set(e, ERR_STATE, "Firecracker's API: %s %s: %s", method, what, fault ? fault : "refused");
	}
	if (ret)
		*ret = TAKE_PTR(answer);
	return 0;
}

int firecracker_api_query(const char *api_path, int64_t deadline_ms, enum vmm_run *ret, struct err *e)
{
	AUTO(json_free) struct json *answer = NULL;
	const char *state;

	if (call(api_path, "GET", "/", "", deadline_ms, &answer, e) < 0)
		return -1;
	state = json_string(json_get(answer, "state"));
	if (str_eq(state, "Running"))
		*ret = VMM_RUNNING;
	else if (str_eq(state, "Paused"))
		*ret = VMM_PAUSED;
	else if (str_eq(state, "Not started"))
		*ret = VMM_NOT_STARTED;
	else
		return err_set(e, ERR_CORRUPT, "Firecracker's API: unknown state '%.40s'", state ? state : "");
	return 0;
}

int firecracker_api_pause(const char *api_path, int64_t deadline_ms, struct err *e)
{
	return call(api_path, "PATCH", "/vm", "{\"state\":\"Paused\"}", deadline_ms, NULL, e);
}

int firecracker_api_resume(const char *api_path, int64_t deadline_ms, struct err *e)
{
	return call(api_path, "PATCH", "/vm", "{\"state\":\"Resumed\"}", deadline_ms, NULL, e);
}
