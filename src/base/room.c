/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/room.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/quota.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <linux/fs.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/str.h"

/* Not in musl 1.2.3's list. */
#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif
#define GET_QUOTA(type) ((int)((unsigned)Q_GETQUOTA << SUBCMDSHIFT | (unsigned)(type))) /* QCMD shifts into the sign */
enum { LIMIT_UNIT = 1024 /* quotactl(2) */, GRACE_S = 60, RESERVE_PART = 20 };
static const uint64_t reserve_max = 1 << 30;

uint64_t room_reserve(uint64_t total)
{
	return total / RESERVE_PART < reserve_max ? total / RESERVE_PART : reserve_max;
}

/* What is left before the reserve. */
static int64_t slack(uint64_t total, uint64_t avail)
{
	return (int64_t)(avail - room_reserve(total));
}

/* A project's quota is not ours to ask for, but is in what statvfs says of a folder whose files inherit the project. */
static void look_project(int fd, struct room *r)
{
	struct fsxattr x;

	if (ioctl(fd, FS_IOC_FSGETXATTR, &x) < 0 || !(x.fsx_xflags & FS_XFLAG_PROJINHERIT) || !x.fsx_projid)
		return;
	r->limit = ROOM_PROJECT;
	r->id = x.fsx_projid;
}

/* Without an answer there is no quota. */
static void look_quota(int fd, int type, uint32_t id, enum room_limit limit, struct room *r)
{
	struct dqblk q = { 0 };

	if (syscall(SYS_quotactl_fd, fd, GET_QUOTA(type), id, &q) < 0)
		return;
	uint64_t hard = q.dqb_bhardlimit * LIMIT_UNIT, soft = q.dqb_bsoftlimit * LIMIT_UNIT;
	bool late = soft && q.dqb_curspace > soft && q.dqb_btime && q.dqb_btime < (uint64_t)time(NULL) + GRACE_S;
	uint64_t total = late ? soft : hard, avail = total > q.dqb_curspace ? total - q.dqb_curspace : 0;

	if (!total || slack(total, avail) >= slack(r->total_bytes, r->avail_bytes))
		return;
	r->limit = limit;
	r->id = id;
	r->avail_bytes = avail;
	r->total_bytes = total;
}

int room_look(const char *path, struct room *ret, struct err *e)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statvfs s;

	if (fd < 0 || fstatvfs(fd, &s) < 0)
		return err_sys(e, errno, "free space of '%s'", path);
	*ret = (struct room){ .total_bytes = (uint64_t)s.f_blocks * s.f_frsize, .avail_bytes = (uint64_t)s.f_bavail * s.f_frsize, .inodes = s.f_favail };
	look_project(fd, ret);
	look_quota(fd, USRQUOTA, geteuid(), ROOM_USER_QUOTA, ret);
	look_quota(fd, GRPQUOTA, getegid(), ROOM_GROUP_QUOTA, ret);
	return 0;
}

char *room_text(const struct room *r, const char *path)
{
	char left[16];

	str_bytes(r->avail_bytes, left);
	switch (r->limit) {
	case ROOM_USER_QUOTA:
		return mem_printf("user %lu's quota on the file system of '%s' has %s left", (unsigned long)r->id, path, left);
	case ROOM_GROUP_QUOTA:
		return mem_printf("group %lu's quota on the file system of '%s' has %s left", (unsigned long)r->id, path, left);
	case ROOM_PROJECT:
		return mem_printf("the file system of '%s', or the quota of its project %lu, has %s left", path, (unsigned long)r->id, left);
	case ROOM_DISK:
		break;
	}
	return mem_printf("the file system of '%s' has %s left", path, left);
}
