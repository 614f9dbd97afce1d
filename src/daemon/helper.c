/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/build.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "net/addr.h"
#include "proto/client.h"
#include "proto/io_banger_helper.h"
#include "store/installed.h"
#include "store/layout.h"

enum { HELPER_MS = 5000, RESTART_MS = 1000, READABLE_MS = 100 };

/* Asked by a daemon that has others to serve: the answer comes by the loop, or does not. */
struct helper_ask {
	struct daemon *daemon;
	struct varlink_client *client;
	struct loop_source *source, *timer;
};

static void on_exit_or_restart(struct loop *l, void *arg);

static void on_helper_exit(struct loop *l, int fd, uint32_t revents, void *arg)
{
	struct daemon *d = arg;
	int status = 0;
	char text[64];

	waitpid((pid_t)d->helper_pid, &status, 0);
	log_warn("helper ended", "how", proc_status_text(status, text));
	d->helper_pid = 0;
	on_exit_or_restart(l, d);
}

static char *jail_of(const struct config *c)
{
	if (!c->jailer_enabled)
		return (char *)(uintptr_t) "no";
	return c->jailer_chroot_base ? c->jailer_chroot_base : (char *)(uintptr_t) "yes";
}

/* The socket stays ours, so callers of the next helper wait in its queue. */
static MUST int spawn(struct daemon *d, struct err *e)
{
	char *argv[] = { (char *)(uintptr_t) "bangerd-root", (char *)(uintptr_t) "--role", (char *)(uintptr_t) "bangerd-root",
			 (char *)(uintptr_t) "--subnet", d->config->subnet, (char *)(uintptr_t) "--bridge", d->config->bridge_name,
			 (char *)(uintptr_t) "--firecracker", d->config->firecracker_bin ? d->config->firecracker_bin : (char *)(uintptr_t) "",
			 (char *)(uintptr_t) "--jail", jail_of(d->config), NULL, NULL, NULL };
	struct proc_fd fds[3];
	struct proc_spawn how = { .argv = argv, .fds = fds, .n_fds = 3, .new_session = true };
	int life[2];
	pid_t pid;

	if (layout_root()) {
		argv[11] = (char *)(uintptr_t) "--root";
		argv[12] = (char *)(uintptr_t)layout_root();
	}
	if (pipe2(life, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	AUTO_FD int theirs = life[0];
	auto_fd_close(&d->helper_life_fd);
	auto_fd_close(&d->helper_pidfd);
	d->helper_life_fd = life[1];
	fds[0] = (struct proc_fd){ d->helper_listen_fd, 3 };
	fds[1] = (struct proc_fd){ theirs, 4 };
	fds[2] = (struct proc_fd){ 2, 2 };
	if (proc_start(&how, &pid, &d->helper_pidfd, e) < 0)
		return -1;
	d->helper_pid = pid;
	return loop_add_fd(d->loop, d->helper_pidfd, EPOLLIN | EPOLLONESHOT, on_helper_exit, d, NULL, e);
}

static void on_exit_or_restart(struct loop *l, void *arg)
{
	struct daemon *d = arg;
	struct err e = { 0 };

	if (d->stopping)
		return;
	if (spawn(d, &e) == 0) {
		if (d->dns)
			helper_tell_dns(d);
		return;
	}
	log_error("helper does not start", "why", e.msg);
	loop_add_timer(l, time_now_ms() + RESTART_MS, on_exit_or_restart, d);
}

static void take_status(struct daemon *d, const struct status_out *out)
{
	if (!str_eq(out->build, build_id()))
		log_warn("the helper is of another build", "helper", out->build);
	d->helper_pid = out->pid;
	d->network = out->network;
	snprintf(d->network_reason, sizeof(d->network_reason), "%s", out->reason ? out->reason : "");
	free(d->confinement);
	d->confinement = mem_strdup(out->confinement);
	d->limited = out->limited;
	if (!out->network)
		log_info("no networks", "why", d->network_reason);
}

/* For a daemon that serves nobody yet. */
static MUST int ask_status(struct daemon *d, struct err *e)
{
	AUTO_MEM char *path = layout_helper_socket();
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	AUTO_DONE(status_out_done) struct status_out out = { 0 };

	if (varlink_client_connect(path, &c, e) < 0)
		return -1;
	varlink_client_set_deadline(c, time_now_ms() + HELPER_MS);
	if (call_status(c, NULL, &out, e) < 0)
		return err_wrap(e, "ask the helper");
	take_status(d, &out);
	return 0;
}

static void find_service(struct loop *l, void *arg);

static void on_service_exit(struct loop *l, int fd, uint32_t revents, void *arg)
{
	struct daemon *d = arg;

	log_info("helper ended");
	d->helper_pid = 0;
	find_service(l, d);
}

/* Its end is watched, since the next one has to be told of the name server. */
static MUST int watch_service(struct daemon *d, struct err *e)
{
	auto_fd_close(&d->helper_pidfd);
	d->helper_pidfd = proc_pidfd((pid_t)d->helper_pid);
	if (d->helper_pidfd < 0)
		return err_sys(e, errno, "watch the helper");
	return loop_add_fd(d->loop, d->helper_pidfd, EPOLLIN | EPOLLONESHOT, on_service_exit, d, NULL, e);
}

static void ask_done(struct daemon *d)
{
	struct helper_ask *a = TAKE_PTR(d->helper_ask);

	if (!a)
		return;
	loop_remove(d->loop, a->source);
	loop_remove(d->loop, a->timer);
	varlink_client_free(a->client);
	free(a);
}

static void ask_again(struct daemon *d, const struct err *why)
{
	log_warn("no helper", "why", why->msg);
	ask_done(d);
	loop_add_timer(d->loop, time_now_ms() + RESTART_MS, find_service, d);
}

static void on_ask_late(struct loop *l, void *arg)
{
	struct helper_ask *a = arg;
	struct err e = { 0 };

	a->timer = NULL;
	err_set(&e, ERR_TIMEOUT, "it does not say how it is");
	ask_again(a->daemon, &e);
}

static void on_answer(struct loop *l, int fd, uint32_t revents, void *arg)
{
	struct helper_ask *a = arg;
	struct daemon *d = a->daemon;
	AUTO_DONE(status_out_done) struct status_out out = { 0 };
	struct err e = { 0 };

	/* A short answer comes in one piece. */
	varlink_client_set_deadline(a->client, time_now_ms() + READABLE_MS);
	if (varlink_client_end(a->client, &status_method, &out, &e) < 0) {
		ask_again(d, &e);
		return;
	}
	take_status(d, &out);
	if (watch_service(d, &e) < 0) {
		ask_again(d, &e);
		return;
	}
	ask_done(d);
	log_info("helper answers");
	helper_tell_dns(d);
}

static MUST int ask(struct daemon *d, struct err *e)
{
	AUTO_MEM char *path = layout_helper_socket();
	struct helper_ask *a = NEW(struct helper_ask);

	d->helper_ask = a;
	a->daemon = d;
	if (varlink_client_connect_now(path, &a->client, e) < 0)
		return -1;
	varlink_client_set_deadline(a->client, time_now_ms());
	if (varlink_client_begin(a->client, &status_method, NULL, e) < 0)
		return -1;
	a->timer = loop_add_timer(d->loop, time_now_ms() + HELPER_MS, on_ask_late, a);
	return loop_add_fd(d->loop, varlink_client_fd(a->client), EPOLLIN, on_answer, a, &a->source, e);
}

/* The call itself starts it: its socket is the service manager's. */
static void find_service(struct loop *l, void *arg)
{
	struct daemon *d = arg;
	struct err e = { 0 };

	if (!d->stopping && !d->helper_ask && ask(d, &e) < 0)
		ask_again(d, &e);
}

int helper_start(struct daemon *d, struct err *e)
{
	AUTO_MEM char *path = layout_helper_socket();

	if (layout_installed()) {
		if (ask_status(d, e) == 0 && watch_service(d, e) == 0)
			return 0;
		return err_hint(e, layout_installed()->no_service ? "the host's service manager has to run bangerd-root --system first" :
			"systemctl status bangerd-root.socket bangerd-root");
	}
	if (fd_listen_unix(path, 0600, &d->helper_listen_fd, e) < 0 || spawn(d, e) < 0)
		return err_wrap(e, "start the helper");
	return ask_status(d, e);
}

void helper_tell_dns(struct daemon *d)
{
	AUTO_MEM char *path = layout_helper_socket(), *host = mem_strdup(d->config->dns_listen);
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	struct dns_serve_in in = { 0 };
	struct err e = { 0 };
	uint32_t address;

	if (!d->network)
		return;
	host[strcspn(host, ":")] = 0;
	if (d->dns && addr_parse(host, &address, &e) == 0) {
		in.address = address;
		in.port = atoi(strchr(d->config->dns_listen, ':') + 1);
	}
	if (e.code || varlink_client_connect_now(path, &c, &e) < 0 || call_dns_serve_oneway(c, &in, &e) < 0)
		log_warn("helper not told of the name server", "why", e.msg);
}

void helper_stop(struct daemon *d)
{
	ask_done(d);
	/* It ends by itself when its life line is cut, after the call it may be serving. */
	auto_fd_close(&d->helper_life_fd);
	auto_fd_close(&d->helper_listen_fd);
	auto_fd_close(&d->helper_pidfd);
}
