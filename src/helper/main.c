/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "helper/helper.h"
#include "helper/launcher.h"
#include "helper/resolved.h"
#include "net/net.h"
#include "proto/io_banger_helper.h"
#include "proto/server.h"
#include "sandbox/sandbox.h"
#include "store/layout.h"

enum { LISTEN_FD = 3, LIFE_FD = 4, MESSAGE_MS = 2000, CONNECTIONS_MAX = 64 };

static void on_disconnect(struct varlink_conn *conn, void *context)
{
	struct caller *c = context;

	if (c)
		launch_forget(c);
	free(c);
}

static int check_peer(struct varlink_server *srv, int fd, const struct ucred *peer, void **ret_conn_context)
{
	struct caller *c;

	struct helper *h = varlink_server_context(srv);

	if (peer->uid != 0 && peer->uid != h->owner_uid)
		return -1;
	c = NEW(struct caller);
	c->helper = h;
	*ret_conn_context = c;
	return 0;
}

static void on_refused(const struct ucred *peer, const char *why, void *context)
{
	char uid[24];

	snprintf(uid, sizeof(uid), "%d", (int)peer->uid);
	log_warn("caller refused", "uid", uid, "why", why);
}

/* One line for each call. Asking how the helper does is no act. */
static void on_call(const struct varlink_call *call, int64_t ms, const struct err *error)
{
	const struct caller *c = varlink_call_context(call);
	const char *method = strrchr(varlink_call_method(call)->name, '.') + 1;
	char duration[24];

	snprintf(duration, sizeof(duration), "%lld", (long long)ms);
	log_set_op(c && *c->op ? c->op : NULL);
	if (error)
		log_warn("call failed", "method", method, "ms", duration, "why", error->msg);
	else if (!str_eq(method, "Status") && !str_eq(method, "Operation"))
		log_info("call done", "method", method, "ms", duration);
	log_set_op(NULL);
}

int on_operation(struct varlink_call *call, const struct operation_in *in, struct operation_out *ret, struct err *e)
{
	struct caller *c = varlink_call_context(call);

	if (check_op(in->operation, e) < 0)
		return -1;
	snprintf(c->op, sizeof(c->op), "%s", in->operation);
	return 0;
}

/* The daemon is gone: what it launched goes on, a network without guests does not. */
static void on_life(struct loop *l, int fd, uint32_t revents, void *arg)
{
	struct helper *h = arg;
	struct net_entry *entries = NULL;
	struct err e = { 0 };
	size_t n = 0;

	resolved_end(h->resolved);
	if (h->net && net_list(h->net, &entries, &n, &e) == 0 && n == 0 && net_remove_all(h->net, &e) < 0)
		log_warn("network not removed", "why", e.msg);
	free(entries);
	loop_stop(l);
}

static void on_signal(struct loop *l, const struct signalfd_siginfo *info, void *arg)
{
	struct helper *h = arg;

	if (info->ssi_signo == SIGTERM) {
		loop_stop(l);
		return;
	}
	for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) > 0;)
		if (pid == h->launcher_pid)
			h->launcher_pid = 0;
}

static MUST int serve(struct helper *h, struct err *e)
{
	static const struct varlink_interface *const served[] = { &io_banger_helper_interface };
	struct varlink_server_conf conf = {
		.max_message = VARLINK_MAX_MESSAGE_SMALL,
		.max_connections = CONNECTIONS_MAX,
		.message_ms = MESSAGE_MS,
		.json_flags = JSON_STRICT,
		.context = h,
		.on_disconnect = on_disconnect,
		.on_refused = on_refused,
		.on_call = on_call,
	};
	int listen_fd = LISTEN_FD;
	sigset_t set;

	if (h->system && system_listen(h, &listen_fd, e) < 0)
		return -1;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	if (loop_new(&h->loop, e) < 0 || loop_add_signals(h->loop, &set, on_signal, h, e) < 0 ||
	    varlink_server_new(h->loop, served, ARRAY_LEN(served), &conf, &h->server, e) < 0 ||
	    varlink_server_listen(h->server, listen_fd, check_peer, e) < 0)
		return -1;
	if (h->system)
		return 0;
	return loop_add_fd(h->loop, LIFE_FD, EPOLLIN | EPOLLHUP, on_life, h, NULL, e);
}

/* The state folder tells one banger from another: each has a bridge and addresses of its own. Of a long path the end has to do. */
static MUST int open_net(struct helper *h, const char *bridge, struct err *e)
{
	const char *state = layout_dir(LAYOUT_STATE);
	const char *owner = strlen(state) > NET_OWNER_MAX ? state + strlen(state) - NET_OWNER_MAX : state;
	struct net_conf conf = { .bridge = bridge, .owner = owner };

	if (addr_parse_net(h->subnet, &conf.net, e) < 0 || net_open(&conf, &h->net, e) < 0)
		return -1;
	if (net_probe(h->net, e) < 0)
		return -1;
	h->resolved = resolved_new(h->loop, bridge, &conf.net);
	return 0;
}

/* A helper that has lost its daemon may still be serving its last call: the next one waits for it. */
static MUST int take_lock(struct err *e)
{
	AUTO_MEM char *path = layout_helper_lock();
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return err_sys(e, errno, "lock '%s'", path);
	return 0;
}

/* The launcher is forked while nothing is open yet. */
static MUST int start(struct helper *h, const char *jail, struct err *e)
{
	helper_jail_open(h, jail);
	if (h->system && !h->jail_base)
		return err_set(e, ERR_STATE, "%s", h->jail_reason);
	helper_limits_open(h);
	return launcher_start(h, e) < 0 || serve(h, e) < 0 || launcher_watch(h, e) < 0 ? -1 : helper_limits_watch(h, e);
}

int helper_main(int argc, char **argv)
{
	struct helper h = { .firecracker_bin = "", .subnet = "", .owner_uid = getuid(), .owner_gid = getgid(), .limits_fd = -1, .launcher_fd = -1 };
	const char *root = NULL, *bridge = "", *jail = "yes";
	struct err e = { 0 };

	log_open("bangerd-root", NULL);
	list_init(&h.held);
	list_init(&h.waiting);
	umask(077);
	h.system = argc == 2 && str_eq(argv[1], "--system");
	for (int i = 1; i + 1 < argc; i += 2) {
		if (str_eq(argv[i], "--root"))
			root = argv[i + 1];
		else if (str_eq(argv[i], "--subnet"))
			h.subnet = argv[i + 1];
		else if (str_eq(argv[i], "--bridge"))
			bridge = argv[i + 1];
		else if (str_eq(argv[i], "--firecracker"))
			h.firecracker_bin = argv[i + 1];
		else if (str_eq(argv[i], "--jail"))
			jail = argv[i + 1];
	}
	if ((h.system ? system_open(&h, &bridge, &e) : layout_init(root, &e)) < 0 || take_lock(&e) < 0 || start(&h, jail, &e) < 0) {
		log_error("cannot start", "why", e.msg, "hint", e.hint);
		return 1;
	}
	if (open_net(&h, bridge, &e) < 0) {
		snprintf(h.net_reason, sizeof(h.net_reason), "%s", e.msg);
		net_free(TAKE_PTR(h.net));
		err_clear(&e);
	}
	if (sandbox_helper(&e) < 0) {
		log_error("cannot give up rights", "why", e.msg);
		return 1;
	}
	if (loop_run(h.loop, &e) < 0)
		log_error("loop ended", "why", e.msg);
	varlink_server_free(h.server);
	launcher_stop(&h);
	resolved_free(h.resolved);
	net_free(h.net);
	helper_jail_close(&h);
	helper_limits_close(&h);
	loop_free(h.loop);
	return 0;
}
