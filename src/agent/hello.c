/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/hello.h"

#include <stdint.h>
#include <time.h>

#include "agent/vsock.h"
#include "base/auto.h"
#include "base/build.h"
#include "base/fd.h"
#include "base/mem.h"

int64_t hello_uptime_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

const char *hello_build(void)
{
	return build_id();
}

static MUST int connect_host(int timeout_ms, struct varlink_client **ret, struct err *e)
{
	int64_t deadline = time_now_ms() + timeout_ms;
	int fd = -1;

	if (vsock_connect_host(VSOCK_PORT_HELLO, timeout_ms, &fd, e) < 0)
		return -1;
	if (varlink_client_from_fd(fd, ret, e) < 0)
		return -1;
	varlink_client_set_deadline(*ret, deadline);
	varlink_client_set_max(*ret, VARLINK_MAX_MESSAGE_SMALL);
	return 0;
}

int hello_say(int timeout_ms, struct guest_config *ret, struct err *e)
{
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	AUTO_MEM char *build = mem_strdup(hello_build());
	struct hello_in in = { .build = build, .boot_ms = hello_uptime_ms() };
	struct hello_out out = { 0 };

	if (connect_host(timeout_ms, &c, e) < 0 || call_hello(c, &in, &out, e) < 0)
		return -1;
	*ret = out.config;
	return 0;
}

int hello_leave(const char *action, int timeout_ms, struct err *e)
{
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	AUTO_MEM char *copy = mem_strdup(action);
	struct leaving_in in = { .action = copy };

	if (connect_host(timeout_ms, &c, e) < 0)
		return -1;
	return call_leaving(c, &in, NULL, e);
}
