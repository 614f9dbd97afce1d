/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/firewall_legacy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"

#define TABLE "filter"
#define NAMES "/proc/net/ip_tables_names"

enum { NAMES_MAX = 4096, TRIES = 5 };

int firewall_legacy_open(void)
{
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

/* One line for each table in use; no file where the kernel has none of this. */
static bool in_use(void)
{
	AUTO_MEM char *text = NULL;
	struct err ignored = { 0 };
	size_t n;

	return fd_read_file(AT_FDCWD, NAMES, NAMES_MAX, &text, &n, &ignored) == 0 && (str_starts(text, TABLE "\n") || strstr(text, "\n" TABLE "\n"));
}

/* The rule at an offset; false when it reaches over the end. */
static bool rule_at(const struct ipt_getinfo *info, const unsigned char *entries, size_t at, struct ipt_entry *ret)
{
	if (at > info->size || info->size - at < sizeof(*ret))
		return false;
	memcpy(ret, entries + at, sizeof(*ret));
	return ret->target_offset >= sizeof(*ret) && ret->next_offset >= ret->target_offset && ret->next_offset <= info->size - at;
}

/* A chain's policy is its last rule: a standard target, whose verdict is -1 less the kernel's number. */
static bool drops(const struct ipt_entry *last, const unsigned char *entries, size_t at)
{
	struct xt_standard_target target;

	if ((size_t)(last->next_offset - last->target_offset) < sizeof(target))
		return false;
	memcpy(&target, entries + at + last->target_offset, sizeof(target));
	return !target.target.u.user.name[0] && target.verdict == -NF_DROP - 1;
}

/* Does that chain drop by default without a rule that names the bridge? */
static MUST int is_wall(const struct ipt_getinfo *info, const unsigned char *entries, unsigned hook, const char *bridge, bool *ret, struct err *e)
{
	size_t at = info->hook_entry[hook];
	struct ipt_entry rule;
	bool known = false;

	*ret = false;
	for (;; at += rule.next_offset) {
		if (!rule_at(info, entries, at, &rule) || at > info->underflow[hook])
			return err_set(e, ERR_INVALID, "the kernel's table '" TABLE "' has no end of a chain at %u", info->underflow[hook]);
		known |= strncmp(rule.ip.iniface, bridge, IFNAMSIZ) == 0 || strncmp(rule.ip.outiface, bridge, IFNAMSIZ) == 0;
		if (at == info->underflow[hook])
			break;
	}
	*ret = !known && drops(&rule, entries, at);
	return 0;
}

int firewall_legacy_parse(const struct ipt_getinfo *info, const unsigned char *entries, const char *bridge, struct firewall *ret, size_t *n, struct err *e)
{
	static const struct {
		unsigned hook;
		const char *chain;
	} chains[] = { { NF_INET_FORWARD, "FORWARD" }, { NF_INET_LOCAL_IN, "INPUT" } };

	for (size_t i = 0; i < ARRAY_LEN(chains) && *n < FIREWALLS_MAX; i++) {
		bool wall;

		if (!(info->valid_hooks & 1u << chains[i].hook))
			continue;
		if (is_wall(info, entries, chains[i].hook, bridge, &wall, e) < 0)
			return -1;
		if (!wall)
			continue;
		ret[*n] = (struct firewall){ .forward = chains[i].hook == NF_INET_FORWARD, .legacy = true };
		snprintf(ret[*n].chain, sizeof(ret[*n].chain), "%s", chains[i].chain);
		(*n)++;
	}
	return 0;
}

/* EAGAIN in between: the table is another one by now. */
static MUST int read_table(int fd, struct ipt_getinfo *info, struct ipt_get_entries **ret, struct err *e)
{
	socklen_t size = sizeof(*info);

	*info = (struct ipt_getinfo){ .name = TABLE };
	if (getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO, info, &size) < 0)
		return err_sys(e, errno, "read table '" TABLE "' of iptables");
	size = (socklen_t)(sizeof(struct ipt_get_entries) + info->size);
	AUTO_MEM struct ipt_get_entries *got = mem_new(size);
	snprintf(got->name, sizeof(got->name), TABLE);
	got->size = info->size;
	if (getsockopt(fd, IPPROTO_IP, IPT_SO_GET_ENTRIES, got, &size) < 0)
		return err_sys(e, errno, "read rules of table '" TABLE "' of iptables");
	*ret = TAKE_PTR(got);
	return 0;
}

int firewall_legacy_list(int fd, const char *bridge, struct firewall *ret, size_t *n, struct err *e)
{
	AUTO_MEM struct ipt_get_entries *table = NULL;
	struct ipt_getinfo info;

	if (fd < 0 || !in_use())
		return 0;
	for (int tries = 1; read_table(fd, &info, &table, e) < 0; tries++) {
		if (e->sys != EAGAIN || tries == TRIES)
			return -1;
		err_clear(e);
	}
	return firewall_legacy_parse(&info, (const unsigned char *)table->entrytable, bridge, ret, n, e);
}
