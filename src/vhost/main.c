/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vhost/vhost.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/path.h"
#include "base/str.h"
#include "sandbox/sandbox.h"
#include "vsock/device.h"
#include "vsock/vhost_user.h"

enum { CID_MIN = 3, SPARE_FDS = 64 };

struct role {
	struct loop *loop;
	struct vhost_user *vhost;
	struct vsock_device *device;
	bool failed;
};

static struct virtq *ring(void *arg, int tx)
{
	struct role *r = arg;

	return vhost_user_ring(r->vhost, tx ? VHOST_RING_TX : VHOST_RING_RX);
}

static void tell(void *arg, int tx)
{
	struct role *r = arg;

	vhost_user_tell(r->vhost, tx ? VHOST_RING_TX : VHOST_RING_RX);
}

static void on_work(void *arg)
{
	struct role *r = arg;

	vsock_device_work(r->device);
}

static void on_restart(void *arg)
{
	struct role *r = arg;

	vsock_device_reset(r->device);
}

static void on_ended(void *arg, const struct err *e)
{
	struct role *r = arg;

	if (e->code != ERR_NONE) {
		log_error("vhost-user session failed", "why", e->msg);
		r->failed = true;
	}
	loop_stop(r->loop);
}

/* One descriptor for each connection; the usual soft limit of 1024 is a little short of that. */
static void raise_fd_limit(void)
{
	struct rlimit limit;
	rlim_t want = VSOCK_CONNECTIONS_MAX + SPARE_FDS;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= want)
		return;
	limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* The guest speaks to this process: of the host's files it keeps the folder in which the guest's calls arrive. */
static MUST int confine(const char *uds, struct err *e)
{
	AUTO_MEM char *dir = path_dirname(uds);
	const struct landlock_rule rule = { .path = dir, .fd = -1 };
	int landlock = 0;

	if (!sandbox_available())
		return 0;
	return sandbox_worker(&rule, 1, &landlock, e) < 0 ? err_wrap(e, "confine the vsock device") : 0;
}

static MUST int run(struct role *r, char **argv, struct err *e)
{
	static const struct vhost_user_ops ops = { on_work, on_restart, on_ended };
	const struct vsock_transport transport = { ring, tell, r };
	int64_t vhost_fd, listen_fd, cid;

	if (str_to_int(argv[1], 0, INT32_MAX, "vhost-user descriptor", &vhost_fd, e) < 0 ||
	    str_to_int(argv[2], 0, INT32_MAX, "listening descriptor", &listen_fd, e) < 0 ||
	    str_to_int(argv[3], CID_MIN, UINT32_MAX - 1, "CID", &cid, e) < 0)
		return -1;
	if (fd_set_cloexec((int)vhost_fd, true, e) < 0 || fd_set_cloexec((int)listen_fd, true, e) < 0 || loop_new(&r->loop, e) < 0)
		return -1;
	if (vsock_device_new(r->loop, (uint64_t)cid, (int)listen_fd, argv[4], &transport, &r->device, e) < 0 ||
	    confine(argv[4], e) < 0)
		return -1;
	if (vhost_user_new(r->loop, (int)vhost_fd, (uint64_t)cid, &ops, r, &r->vhost, e) < 0)
		return -1;
	return loop_run(r->loop, e);
}

int vhost_main(int argc, char **argv)
{
	struct role r = { 0 };
	struct err e = { 0 };
	int status;

	log_open("banger-vhost-vsock", NULL);
	if (argc != 6) {
		log_error("usage: banger-vhost-vsock VHOST_FD LISTEN_FD CID UDS VM");
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	raise_fd_limit();
	status = run(&r, argv, &e) < 0 || r.failed;
	if (e.code != ERR_NONE)
		log_error("vsock device failed", "why", e.msg);
	/* The device looks at its rings through the session, so it goes first. */
	vsock_device_free(r.device);
	vhost_user_free(r.vhost);
	loop_free(r.loop);
	return status;
}
