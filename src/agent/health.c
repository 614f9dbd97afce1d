/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ping and Health. The guest's own words are read from /proc (proc(5)), not from programs that an image may lack. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "agent/aside.h"
#include "agent/hello.h"
#include "agent/on_exec.h"
#include "agent/sockets.h"
#include "agent/system.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "proto/io_banger_agent.h"

#define PROC_MAX 65536

enum { SSH_PORT = 22 };

int on_ping(struct varlink_call *call, const struct ping_in *in, struct ping_out *ret, struct err *e)
{
	ret->build = mem_strdup(hello_build());
	return 0;
}

/* "MemTotal:  123 kB" */
static int64_t meminfo(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoll(at + strlen(key), NULL, 10) : 0;
}

static int64_t count_processes(void)
{
	DIR *d = opendir("/proc");
	struct dirent *entry;
	int64_t n = 0;

	while (d && (entry = readdir(d)))
		n += isdigit((unsigned char)entry->d_name[0]) != 0;
	if (d)
		closedir(d);
	return n;
}

static void count_ssh(const struct socket_line *line, void *arg)
{
	*(int64_t *)arg += line->port == SSH_PORT && line->state == SOCKET_ESTABLISHED;
}

static MUST int measure(struct health_out *h, struct err *e)
{
	AUTO_MEM char *load = NULL, *memory = NULL;
	struct statvfs fs;

	if (fd_read_file(AT_FDCWD, "/proc/loadavg", PROC_MAX, &load, NULL, e) < 0 ||
	    fd_read_file(AT_FDCWD, "/proc/meminfo", PROC_MAX, &memory, NULL, e) < 0)
		return -1;
	h->build = mem_strdup(hello_build());
	h->uptime_ms = hello_uptime_ms();
	h->load_1min = strtod(load, NULL);
	h->memory_total_kib = meminfo(memory, "MemTotal:");
	h->memory_available_kib = meminfo(memory, "MemAvailable:");
	h->processes = count_processes();
	h->execs = on_exec_count();
	h->has_ssh_sessions = true;
	sockets_each("tcp", count_ssh, &h->ssh_sessions);
	sockets_each("tcp6", count_ssh, &h->ssh_sessions);
	if (statvfs("/", &fs) == 0)
		h->root_free_kib = (int64_t)((uint64_t)fs.f_bavail * fs.f_frsize / 1024);
	return 0;
}

static void print_state(void *arg)
{
	const char *state = system_state();

	(void)!write(STDOUT_FILENO, state, strlen(state));
}

static void reply_state(const char *output, void *arg)
{
	struct varlink_call *call = arg;
	struct health_out out = { 0 };
	struct err e = { 0 };

	if (measure(&out, &e) < 0) {
		varlink_reply_error(call, &e);
		return;
	}
	out.system = mem_strdup(output);
	reply_health(call, &out);
	health_out_done(&out);
}

int on_health(struct varlink_call *call, const struct health_in *in, struct health_out *ret, struct err *e)
{
	if (system_kind() == SYSTEM_SYSTEMD)
		return aside_run(varlink_call_server_context(call), print_state, reply_state, call, e) < 0 ? -1 : VARLINK_LATER;
	if (measure(ret, e) < 0)
		return -1;
	ret->system = mem_strdup("none");
	return 0;
}
