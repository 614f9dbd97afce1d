/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The helper of an installed banger: started by the service manager, for the one owner that root has written down. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/build.h"
#include "base/fd.h"
#include "base/str.h"
#include "helper/helper.h"
#include "store/installed.h"
#include "store/layout.h"

enum { ACTIVATED_FD = 3 };

static MUST int make_dir(const char *path, mode_t mode, uint32_t uid, uint32_t gid, struct err *e)
{
	if (mkdir(path, 0700) < 0)
		return errno == EEXIST ? 0 : err_sys(e, errno, "make folder '%s'", path);
	if (lchown(path, uid, gid) < 0 || chmod(path, mode) < 0)
		return err_sys(e, errno, "set owner and mode of '%s'", path);
	return 0;
}

int system_open(struct helper *h, const char **ret_bridge, struct err *e)
{
	const struct installed *i;

	if (layout_init_system(e) < 0)
		return e->code == ERR_NOT_FOUND ? err_hint(e, "sudo banger system install --owner USER") : -1;
	i = layout_installed();
	if (geteuid() != 0) {
		err_set(e, ERR_DENIED, "bangerd-root --system must be started as root");
		return err_hint(e, i->no_service ? "it is for this host's service manager to start; docs/system.md shows how" :
			"it is a service: systemctl start bangerd-root");
	}
	if (!str_eq(i->build, build_id())) {
		err_set(e, ERR_STATE, "this is build %.12s of banger, but build %.12s was installed", build_id(), i->build);
		return err_hint(e, "sudo banger system install --owner %.40s, by the banger that is to stay", i->owner);
	}
	h->owner_uid = (uint32_t)i->uid;
	h->owner_gid = (uint32_t)i->gid;
	/* Not what the service manager happened to have: programs are found where root alone puts them. */
	setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
	h->has_units = !i->no_service;
	h->subnet = i->subnet;
	h->firecracker_bin = i->firecracker;
	*ret_bridge = i->bridge;
	if (make_dir(LAYOUT_HELPER_RUN, 0711, 0, 0, e) < 0)
		return -1;
	return make_dir(LAYOUT_SYSTEM_RUN, 0700, h->owner_uid, h->owner_gid, e);
}

/* sd_listen_fds(3): LISTEN_PID is ours and LISTEN_FDS counts from 3. */
static bool activated(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");

	return pid && fds && strtol(pid, NULL, 10) == (long)getpid() && str_eq(fds, "1");
}

int system_listen(const struct helper *h, int *ret, struct err *e)
{
	AUTO_MEM char *path = layout_helper_socket();
	AUTO_FD int fd = -1;

	if (activated()) {
		*ret = ACTIVATED_FD;
		return fd_set_cloexec(ACTIVATED_FD, true, e);
	}
	/* Its folder is root's, so no name there is another's. */
	if (fd_listen_unix(path, 0600, &fd, e) < 0)
		return -1;
	if (lchown(path, h->owner_uid, h->owner_gid) < 0)
		return err_sys(e, errno, "give '%s' to its owner", path);
	*ret = TAKE_FD(fd);
	return 0;
}

void system_as_owner(const struct helper *h)
{
	if (!h->system)
		return;
	setfsgid(h->owner_gid);
	setfsuid(h->owner_uid);
}

void system_as_self(const struct helper *h)
{
	if (!h->system)
		return;
	setfsuid(geteuid());
	setfsgid(getegid());
}
