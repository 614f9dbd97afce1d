/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "init/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/auto.h"
#include "base/fd.h"

int devices_listen(int *ret_fd, struct err *e)
{
	AUTO_FD int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	struct sockaddr_nl self = { .nl_family = AF_NETLINK, .nl_groups = 1 }; /* group 1: the kernel's events, 2 udev's */

	if (fd < 0)
		return err_sys(e, errno, "uevent socket");
	if (bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0)
		return err_sys(e, errno, "bind uevent socket");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static bool is_there(const char *path)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISBLK(st.st_mode);
}

int devices_wait(int listen_fd, const char *name, int64_t deadline_ms, struct err *e)
{
	char path[48], event[2048];

	snprintf(path, sizeof(path), "/dev/%s", name);
	while (!is_there(path)) {
		if (fd_wait(listen_fd, POLLIN, deadline_ms, e) < 0)
			return err_wrap(e, "wait for disk '%s'", name);
		/* What an event says does not matter (some may be lost under load): it is a reason to look again. */
		while (recv(listen_fd, event, sizeof(event), 0) > 0)
			;
	}
	return 0;
}

int devices_measure(const char *name, uint64_t *ret_bytes, unsigned *ret_major, unsigned *ret_minor, struct err *e)
{
	char path[48];
	struct stat st;
	uint64_t bytes;

	snprintf(path, sizeof(path), "/dev/%s", name);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || ioctl(fd, BLKGETSIZE64, &bytes) < 0)
		return err_sys(e, errno, "measure disk '%s'", name);
	*ret_bytes = bytes;
	*ret_major = major(st.st_rdev);
	*ret_minor = minor(st.st_rdev);
	return 0;
}
