/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* For tests that change the network: a namespace of their own, and other people's programs as witnesses. */

#include <errno.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#include "base/auto.h"
#include "base/mem.h"
#include "net/net.h"

/* Moves this process into a new network namespace. False, with the reason printed, where that or a tap is not allowed. */
static inline bool netns_enter(void)
{
	if (unshare(CLONE_NEWNET) < 0) {
		print_message("# skipped: no right to make a network namespace (%s)\n", strerror(errno));
		return false;
	}
	if (access("/dev/net/tun", R_OK | W_OK) < 0) {
		print_message("# skipped: /dev/net/tun: %s\n", strerror(errno));
		return false;
	}
	return true;
}

static bool netns_allowed;

/* A cmocka group's set-up; its tests begin with NEEDS_NETNS(). */
static inline int netns_setup(void **state)
{
	netns_allowed = netns_enter();
	return 0;
}

#define NEEDS_NETNS()               \
	do {                        \
		if (!netns_allowed) \
			skip();     \
	} while (0)

/* The exit status of a shell command. */
static inline int shell(const char *command)
{
	int status = system(command);

	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* What a shell command prints. Caller frees. */
static inline char *shell_text(const char *command)
{
	char buf[8192];
	FILE *f = popen(command, "r");

	assert_non_null(f);
	size_t n = fread(buf, 1, sizeof(buf) - 1, f);
	assert_true(n < sizeof(buf) - 1);
	assert_int_equal(pclose(f), 0);
	buf[n] = 0;
	return mem_strdup(buf);
}

#define assert_shell(command)                                     \
	do {                                                      \
		int got = shell(command);                         \
		if (got != 0)                                     \
			fail_msg("'%s' exits with %d", command, got); \
	} while (0)

#define NETNS_OWNER "test"
#define NETNS_BRIDGE "br-fc-t"
#define NETNS_TABLE "banger-t"

static inline struct net *netns_net(const char *owner)
{
	struct net_conf conf = { .bridge = NETNS_BRIDGE, .owner = owner };
	struct err e = { 0 };
	struct net *n;

	assert_ok(addr_parse_net("172.30.5.1/24", &conf.net, &e));
	assert_ok(net_open(&conf, &n, &e));
	return n;
}

static inline struct net_vm netns_vm(const char *id, unsigned last, bool nat)
{
	return (struct net_vm){ .id = id, .address = 0xac1e0500 + last, .nat = nat, .uid = 1234, .gid = UINT32_MAX };
}
