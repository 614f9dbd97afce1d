/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "init/mounts.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/say.h"
#include "base/auto.h"
#include "base/fd.h"

#define EXT4_IOC_RESIZE_FS _IOW('f', 16, uint64_t)

struct mount {
	const char *what, *type, *where, *options;
	unsigned long flags;
	unsigned mode; /* of a folder made for it */
};

/* The tables of systemd's src/shared/mount-setup.c say the same of these places. */
static const struct mount first[] = {
	{ "proc", "proc", "proc", NULL, MS_NOSUID | MS_NOEXEC | MS_NODEV, 0555 },
	{ "sysfs", "sysfs", "sys", NULL, MS_NOSUID | MS_NOEXEC | MS_NODEV, 0555 },
	{ "devtmpfs", "devtmpfs", "dev", "mode=0755", MS_NOSUID | MS_STRICTATIME, 0755 },
};
static const struct mount rest[] = {
	{ "devpts", "devpts", "dev/pts", "mode=0620,gid=5", MS_NOSUID | MS_NOEXEC, 0755 },
	{ "tmpfs", "tmpfs", "dev/shm", "mode=01777", MS_NOSUID | MS_NODEV | MS_STRICTATIME, 01777 },
	{ "tmpfs", "tmpfs", "run", "mode=0755,size=20%,nr_inodes=800k", MS_NOSUID | MS_NODEV | MS_STRICTATIME, 0755 },
	{ "tmpfs", "tmpfs", "tmp", "mode=1777,size=50%,nr_inodes=1m", MS_NOSUID | MS_NODEV | MS_STRICTATIME, 01777 },
};
static const struct mount cgroup = { "cgroup2", "cgroup2", "sys/fs/cgroup", "nsdelegate,memory_recursiveprot",
	MS_NOSUID | MS_NOEXEC | MS_NODEV, 0755 };

static int open_below(int root_fd, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC | O_DIRECTORY, .resolve = RESOLVE_IN_ROOT };

	return (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
}

/* Makes the last part of path below root_fd and opens it. */
static int make_below(int root_fd, const char *path, unsigned mode)
{
	const char *slash = strrchr(path, '/');
	AUTO_FD int parent = -1;

	if (slash) {
		char dir[512];
		if (snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path) >= (int)sizeof(dir))
			return -1;
		parent = open_below(root_fd, dir);
		if (parent < 0 && errno == ENOENT)
			parent = make_below(root_fd, dir, 0755);
		if (parent < 0)
			return -1;
	}
	/* The kernel's own file systems refuse new folders; those are there. */
	if (mkdirat(slash ? parent : root_fd, slash ? slash + 1 : path, mode) < 0 && errno != EEXIST)
		return -1;
	return open_below(root_fd, path);
}

int mounts_target(int root_fd, const char *path, unsigned mode, int *ret_fd, struct err *e)
{
	int fd = open_below(root_fd, path);

	if (fd < 0 && errno == ENOENT)
		fd = make_below(root_fd, path, mode);
	if (fd < 0)
		return err_sys(e, errno, "open mount point '/%s'", path);
	*ret_fd = fd;
	return 0;
}

/* Before /proc is there a descriptor has no path, but then root_fd is "/" and no link stands in the way. */
static MUST int mount_one(int root_fd, const struct mount *m, bool by_path, struct err *e)
{
	AUTO_FD int target = -1;
	char path[64];

	if (mounts_target(root_fd, m->where, m->mode, &target, e) < 0)
		return -1;
	if (by_path)
		snprintf(path, sizeof(path), "/%s", m->where);
	else
		snprintf(path, sizeof(path), "/proc/self/fd/%d", target);
	if (mount(m->what, path, m->type, m->flags, m->options) < 0 && errno != EBUSY)
		return err_sys(e, errno, "mount '/%s'", m->where);
	return 0;
}

int mounts_first(int root_fd, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(first); i++)
		if (mount_one(root_fd, &first[i], true, e) < 0)
			return -1;
	return 0;
}

void mounts_rest(int root_fd)
{
	static const char *const links[][2] = { { "/proc/self/fd", "dev/fd" }, { "/proc/self/fd/0", "dev/stdin" },
		{ "/proc/self/fd/1", "dev/stdout" }, { "/proc/self/fd/2", "dev/stderr" } };

	for (size_t i = 0; i < ARRAY_LEN(rest); i++) {
		struct err e = { 0 };
		if (mount_one(root_fd, &rest[i], false, &e) < 0)
			say_console("%s", e.msg);
	}
	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		if (symlinkat(links[i][0], root_fd, links[i][1]) < 0 && errno != EEXIST)
			say_console("make '/%s': %m", links[i][1]);
}

int mounts_cgroup(int root_fd, struct err *e)
{
	return mount_one(root_fd, &cgroup, false, e);
}

int mounts_move(int root_fd, struct err *e)
{
	/* /proc is last: the targets of the others are named through it */
	for (size_t i = ARRAY_LEN(first); i-- > 0;) {
		AUTO_FD int target = -1;
		char from[16], to[64];
		if (mounts_target(root_fd, first[i].where, first[i].mode, &target, e) < 0)
			return -1;
		snprintf(from, sizeof(from), "/%s", first[i].where);
		snprintf(to, sizeof(to), "/proc/self/fd/%d", target);
		if (mount(from, to, NULL, MS_MOVE, NULL) < 0)
			return err_sys(e, errno, "move '%s' into the root", from);
	}
	return 0;
}

/* The file system's own size, from its superblock (fs/ext4/ext4.h: s_blocks_count_lo, s_log_block_size, s_blocks_count_hi). */
static MUST int grow(const char *device, int mounted_fd, struct err *e)
{
	enum { SUPERBLOCK = 1024, SLACK_BYTES = 8 << 20 };
	AUTO_FD int fd = open(device, O_RDONLY | O_CLOEXEC);
	unsigned char sb[512];
	uint32_t low, high, log;
	uint64_t bytes;

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes) < 0)
		return err_sys(e, errno, "measure '%s'", device);
	if (fd_pread_all(fd, sb, sizeof(sb), SUPERBLOCK, e) < 0)
		return err_wrap(e, "superblock of '%s'", device);
	memcpy(&low, sb + 0x4, 4);
	memcpy(&log, sb + 0x18, 4);
	memcpy(&high, sb + 0x150, 4);
	unsigned shift = 10 + (le32toh(log) & 7);
	uint64_t have = le32toh(low) | (uint64_t)le32toh(high) << 32, want = bytes >> shift;
	if (want <= have + (SLACK_BYTES >> shift))
		return 0;
	if (ioctl(mounted_fd, EXT4_IOC_RESIZE_FS, &want) < 0)
		return err_sys(e, errno, "grow '%s'", device);
	return 0;
}

int mounts_disk(int root_fd, const char *device, const char *path, unsigned mode, bool read_only, struct err *e)
{
	AUTO_FD int target = -1, mounted = -1;
	struct err ignored = { 0 };
	char from[48], to[64];

	if (mounts_target(root_fd, path, mode, &target, e) < 0)
		return -1;
	snprintf(from, sizeof(from), "/dev/%s", device);
	snprintf(to, sizeof(to), "/proc/self/fd/%d", target);
	if (mount(from, to, "ext4", read_only ? MS_RDONLY | MS_NOSUID | MS_NODEV : 0, NULL) < 0)
		return err_sys(e, errno, "mount disk '%s' at '/%s'", device, path);
	if (read_only)
		return 0;
	mounted = open_below(root_fd, path);
	if (mounted >= 0) {
		/* an ioctl needs more than O_PATH */
		AUTO_FD int fd = openat(mounted, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && grow(from, fd, &ignored) < 0)
			say_console("%s", ignored.msg);
	}
	return 0;
}
