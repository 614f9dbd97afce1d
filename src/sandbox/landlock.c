/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sandbox/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/auto.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

/* The kernel's numbers, since Debian 12's headers end at version 2. */
enum { ASK_VERSION = 1, RULE_PATH_BENEATH = 1 };

/* struct landlock_ruleset_attr; older kernels take the front part. */
struct ruleset {
	uint64_t files, net, scoped;
};

/* struct landlock_path_beneath_attr. */
struct beneath {
	uint64_t access;
	int32_t fd;
} __attribute__((packed));

/* LANDLOCK_ACCESS_FS_*, by the version that brought them. */
#define EXECUTE (1ull << 0)
#define WRITE_FILE (1ull << 1)
#define READ_FILE (1ull << 2)
#define READ_DIR (1ull << 3)
#define FIRST ((1ull << 13) - 1)
#define REFER (1ull << 13)     /* 2: rename between folders */
#define TRUNCATE (1ull << 14)  /* 3 */
#define IOCTL_DEV (1ull << 15) /* 5 */

static uint64_t known_access(int version)
{
	return FIRST | (version >= 2 ? REFER : 0) | (version >= 3 ? TRUNCATE : 0) | (version >= 5 ? IOCTL_DEV : 0);
}

int landlock_version(void)
{
	long v = syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_VERSION);

	return v > 0 ? (int)v : 0;
}

static MUST int add_rule(int set, const struct landlock_rule *r, uint64_t known, struct err *e)
{
	uint64_t access = READ_FILE | READ_DIR;
	struct stat st;
	AUTO_FD int own = -1;
	int fd = r->fd;

	if (r->path) {
		own = fd = open(r->path, O_PATH | O_CLOEXEC);
		if (fd < 0)
			return err_sys(e, errno, "open '%s'", r->path);
	}
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "look at '%s'", r->path ? r->path : "a descriptor");
	if (r->write)
		access = known & ~(EXECUTE | IOCTL_DEV);
	if (!S_ISDIR(st.st_mode))
		access &= READ_FILE | WRITE_FILE | TRUNCATE;
	const struct beneath b = { .access = access, .fd = fd };
	/* EBADFD: a pipe, a socket, a memfd; no path leads to them, and what is open needs no rule. */
	if (syscall(SYS_landlock_add_rule, set, RULE_PATH_BENEATH, &b, 0) < 0 && (r->path || errno != EBADFD))
		return err_sys(e, errno, "allow '%s'", r->path ? r->path : "a descriptor");
	return 0;
}

int landlock_restrict(const struct landlock_rule *rules, size_t n, int *ret_version, struct err *e)
{
	int version = landlock_version();
	const struct ruleset attr = { .files = known_access(version), .net = 3, .scoped = 3 };
	size_t size = version >= 6 ? sizeof(attr) : version >= 4 ? offsetof(struct ruleset, scoped) : offsetof(struct ruleset, net);

	if (version == 0) {
		*ret_version = 0;
		return 0;
	}
	AUTO_FD int set = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (set < 0)
		return err_sys(e, errno, "restrict files");
	for (size_t i = 0; i < n; i++)
		if (add_rule(set, &rules[i], attr.files, e) < 0)
			return err_wrap(e, "restrict files");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_landlock_restrict_self, set, 0) < 0)
		return err_sys(e, errno, "restrict files");
	*ret_version = version;
	return 0;
}
