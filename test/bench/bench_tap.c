/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Would taps made ahead of use save a start time? bench_tap ROUNDS, in a network namespace of its own: makes a tap in the bridge as a start does, and
 * takes one over that is there already, by turns, and prints the microseconds of each step. A line is "STEP MICROSECONDS". */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/rtnetlink.h>

#include "base/auto.h"
#include "net/link.h"

#define BRIDGE "br-bench"

static double last;

static void say(const char *step)
{
	struct timespec t;
	double now;

	clock_gettime(CLOCK_MONOTONIC, &t);
	now = (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
	if (step)
		printf("%s %.1f\n", step, now - last);
	clock_gettime(CLOCK_MONOTONIC, &t);
	last = (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static MUST int drop(struct netlink *n, const char *name, struct err *e)
{
	struct link l;

	return link_get(n, name, &l, e) < 0 ? -1 : link_delete(n, &l.index, 1, e);
}

/* As net_attach does it, without the rules, which a start makes either way. */
static MUST int fresh(struct netlink *n, struct err *e)
{
	const struct link_tap tap = { .name = "tap-fresh", .alias = "banger bench fresh", .uid = 1000, .gid = UINT32_MAX };
	AUTO_FD int fd = -1;

	say(NULL);
	if (link_tap_open(n, &tap, &fd, e) < 0)
		return -1;
	say("fresh-make");
	if (link_join(n, tap.name, BRIDGE, e) < 0 || link_tap_keep(fd, e) < 0)
		return -1;
	say("fresh-join");
	auto_fd_close(&fd);
	return drop(n, tap.name, e);
}

/* Out of use, and so that it can be renamed. */
static MUST int take_down(struct netlink *n, const char *name, struct err *e)
{
	struct link l;

	if (link_get(n, name, &l, e) < 0)
		return -1;
	netlink_begin(n, RTM_NEWLINK, 0, &(struct ifinfomsg){ .ifi_index = l.index, .ifi_change = IFF_UP }, sizeof(struct ifinfomsg), "take it down");
	return netlink_run(n, e);
}

/* One from a pool has a place in the bridge, but neither its name, nor its mark, nor its user: the last needs it open. */
static MUST int pooled(struct netlink *n, struct err *e)
{
	const struct link_tap idle = { .name = "tap-idle", .alias = "banger bench", .uid = 0, .gid = UINT32_MAX };
	const struct link_tap taken = { .name = "tap-taken", .alias = "banger bench taken", .uid = 1000, .gid = UINT32_MAX };
	AUTO_FD int fd = -1;
	struct link l;

	if (link_tap_open(n, &idle, &fd, e) < 0 || link_join(n, idle.name, BRIDGE, e) < 0 || link_tap_keep(fd, e) < 0 ||
	    take_down(n, idle.name, e) < 0)
		return -1;
	auto_fd_close(&fd);
	say(NULL);
	if (link_rename(n, idle.name, taken.name, e) < 0 || link_get(n, taken.name, &l, e) < 0 || link_set_alias(n, l.index, taken.alias, e) < 0)
		return -1;
	say("pooled-rename");
	if (link_tap_open(n, &taken, &fd, e) < 0)
		return -1;
	say("pooled-owner");
	if (link_join(n, taken.name, BRIDGE, e) < 0)
		return -1;
	say("pooled-join");
	auto_fd_close(&fd);
	return drop(n, taken.name, e);
}

int main(int argc, char **argv)
{
	AUTO(netlink_free) struct netlink *n = NULL;
	struct addr_net net;
	struct err e = { 0 };
	int rounds = argc > 1 ? atoi(argv[1]) : 50;
	bool ok = addr_parse_net("172.29.7.1/24", &net, &e) == 0 && netlink_open(NETLINK_ROUTE, &n, &e) == 0 &&
		  link_bridge_ensure(n, BRIDGE, &net, "banger bench", 0, &e) == 0;

	for (int i = 0; ok && i < rounds; i++)
		ok = fresh(n, &e) == 0 && pooled(n, &e) == 0;
	if (ok)
		return 0;
	fprintf(stderr, "bench_tap: %s\n", e.msg);
	return 1;
}
