/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/build.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/boot.h"
#include "daemon/console.h"
#include "daemon/daemon.h"
#include "daemon/dns.h"
#include "daemon/hello.h"
#include "daemon/helper.h"
#include "daemon/jobs.h"
#include "daemon/metrics.h"
#include "daemon/objects.h"
#include "daemon/reload.h"
#include "daemon/worker_rows.h"
#include "proto/io_banger.h"
#include "proto/io_banger_worker.h"
#include "proto/server.h"
#include "store/installed.h"
#include "store/layout.h"

enum { DESCRIPTORS_MAX = 65536, LINGER_MS = 200 };

struct options {
	const char *root;
	bool system;
	int ready_fd;
};

static MUST int parse_options(int argc, char **argv, struct options *ret, struct err *e)
{
	int64_t n;

	*ret = (struct options){ .ready_fd = -1 };
	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--role") && i + 1 < argc) {
			i++;
		} else if (str_eq(argv[i], "--root") && i + 1 < argc) {
			ret->root = argv[++i];
		} else if (str_eq(argv[i], "--system")) {
			ret->system = true;
		} else if (str_eq(argv[i], "--ready-fd") && i + 1 < argc) {
			if (str_to_int(argv[++i], 3, 1 << 20, "--ready-fd", &n, e) < 0)
				return -1;
			ret->ready_fd = (int)n;
		} else {
			err_set(e, ERR_INVALID, "bangerd does not know '%s'", argv[i]);
			return err_hint(e, "bangerd [--system] [--root DIR] [--ready-fd N]");
		}
	}
	return 0;
}

/* One daemon for one set of folders: the lock is held for the life of the process and names it. */
static MUST int take_lock(struct daemon *d, struct err *e)
{
	AUTO_MEM char *path = layout_lock();
	AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char pid[32] = "";

	if (fd < 0)
		return err_sys(e, errno, "open '%s'", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		ssize_t n = read(fd, pid, sizeof(pid) - 1);
		pid[n > 0 ? strcspn(pid, "\n") : 0] = 0;
		err_set(e, ERR_BUSY, "another bangerd (process %s) serves '%s'", *pid ? pid : "unknown", layout_dir(LAYOUT_RUN));
		return err_hint(e, "banger daemon stop ends it");
	}
	int n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)n, 0) != n)
		return err_sys(e, errno, "write '%s'", path);
	d->lock_fd = TAKE_FD(fd);
	return 0;
}

/* Only the user who owns the daemon, and root. */
static int check_client(struct varlink_server *srv, int fd, const struct ucred *peer, void **ret_conn_context)
{
	return peer->uid == getuid() || peer->uid == 0 ? 0 : -1;
}

static void on_refused(const struct ucred *peer, const char *why, void *context)
{
	char uid[24];

	snprintf(uid, sizeof(uid), "%d", (int)peer->uid);
	log_warn("client refused", "uid", uid, "why", why);
}

static MUST int open_clients(struct daemon *d, struct err *e)
{
	static const struct varlink_interface *const served[] = { &io_banger_interface };
	struct varlink_server_conf conf = { .max_connections = 1024, .context = d, .on_refused = on_refused };
	AUTO_MEM char *path = layout_socket();
	int fd;

	if (varlink_server_new(d->loop, served, ARRAY_LEN(served), &conf, &d->clients, e) < 0 || fd_listen_unix(path, 0600, &fd, e) < 0)
		return -1;
	return varlink_server_listen(d->clients, fd, check_client, e);
}

static void on_linger(struct loop *l, void *arg)
{
	loop_stop(l);
}

void daemon_stop(struct daemon *d)
{
	AUTO_MEM char *path = layout_socket();

	if (d->stopping)
		return;
	d->stopping = true;
	/* Whoever comes now starts a daemon of its own; the reply under way still has to leave. */
	unlink(path);
	loop_add_timer(d->loop, time_now_ms() + LINGER_MS, on_linger, d);
}

static void on_signal(struct loop *l, const struct signalfd_siginfo *info, void *arg)
{
	struct daemon *d = arg;

	if (info->ssi_signo == SIGHUP) {
		AUTO_DONE(daemon_reload_out_done) struct daemon_reload_out changed = { 0 };
		struct err e = { 0 };

		if (daemon_reload(d, &changed, &e) < 0)
			log_warn("configuration stays as it was", "why", e.msg);
		return;
	}
	log_info("ends by signal");
	d->stopping = true;
	loop_stop(l);
}

static MUST int watch_signals(struct daemon *d, struct err *e)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	return loop_add_signals(d->loop, &set, on_signal, d, e);
}

/* An installed banger's daemon is of its owner and of the build that was installed. */
static MUST int open_system(struct err *e)
{
	const struct installed *i;

	if (layout_init_system(e) < 0)
		return e->code == ERR_NOT_FOUND ? err_hint(e, "sudo banger system install --owner USER") : -1;
	i = layout_installed();
	if ((int64_t)getuid() != i->uid) {
		err_set(e, ERR_DENIED, "bangerd --system must be started as '%s', the owner of this host's banger", i->owner);
		return err_hint(e, i->no_service ? "it is for this host's service manager to start; docs/system.md shows how" :
			"it is a service: systemctl start bangerd");
	}
	if (str_eq(i->build, build_id()))
		return 0;
	err_set(e, ERR_STATE, "this is build %.12s of banger, but build %.12s was installed", build_id(), i->build);
	return err_hint(e, "sudo banger system install --owner %.40s, by the banger that is to stay", i->owner);
}

static MUST int daemon_open(struct daemon *d, const struct options *o, struct err *e)
{
	AUTO_MEM char *config = NULL;
	struct rlimit files = { DESCRIPTORS_MAX, DESCRIPTORS_MAX };
	struct err why = { 0 };
	bool new_boot;

	if ((o->system ? open_system(e) : layout_init(o->root, e)) < 0 || layout_make_dirs(e) < 0 || take_lock(d, e) < 0)
		return -1;
	config = layout_config();
	if (config_load(layout_host_config(), config, layout_home(), &d->config, e) < 0)
		return -1;
	if (daemon_config_fix(d->config, e) < 0)
		return -1;
	log_open("bangerd", d->config->log_level);
	/* Where the hard limit is lower, what is allowed has to do. */
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		log_debug("descriptor limit unchanged");
	new_boot = boot_is_new();
	if (loop_new(&d->loop, e) < 0 || watch_signals(d, e) < 0 || objects_load(d, new_boot, e) < 0 || worker_rows_open(d, e) < 0 || hello_open(d, e) < 0 ||
	    console_open(d, e) < 0 || helper_start(d, e) < 0 || open_clients(d, e) < 0)
		return -1;
	jobs_reconcile(d, new_boot);
	/* The VMs matter more than their figures. */
	if (metrics_listen(d, &why) < 0)
		log_warn("no metrics", "why", why.msg);
	err_clear(&why);
	if (dns_listen(d, &why) < 0)
		log_warn("no name server", "why", why.msg, "hint", why.hint);
	return 0;
}

static void daemon_close(struct daemon *d)
{
	jobs_abandon(d);
	objects_keep(d);
	metrics_close(d);
	dns_close(d);
	varlink_server_free(d->clients);
	varlink_server_free(d->workers);
	objects_free(d);
	varlink_server_free(d->guests);
	helper_stop(d);
	console_close(d);
	if (d->facts)
		host_facts_done(d->facts);
	free(d->facts);
	free(d->confinement);
	config_free(d->config);
	loop_free(d->loop);
	auto_fd_close(&d->lock_fd);
}

/* Tells whoever started us: 'K', or 'E' with the sentence and, on a second line, the hint. */
static void tell_ready(int fd, const struct err *why)
{
	AUTO_DONE(str_done) struct str s = STR_INIT;
	struct err ignored = { 0 }; /* it may have gone */

	if (fd < 0)
		return;
	if (why)
		str_addf(&s, "E%s\n%s\n", why->msg, why->hint);
	else
		str_add(&s, "K");
	if (fd_write_all(fd, s.data, s.len, FD_FOREVER, &ignored) < 0)
		log_debug("nobody waits for the daemon");
	close(fd);
}

/* sd_notify(3), where a service manager waits to hear it. */
static void notify_ready(void)
{
	const char *path = getenv("NOTIFY_SOCKET"), text[] = "READY=1";
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	AUTO_FD int fd = -1;
	size_t n;

	if (!path || (n = strlen(path)) >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, n);
	if (*path == '@')
		to.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, text, sizeof(text) - 1, 0, (struct sockaddr *)&to, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		log_warn("the service manager was not told");
}

int daemon_main(int argc, char **argv)
{
	struct daemon d = { .lock_fd = -1, .helper_listen_fd = -1, .helper_life_fd = -1, .helper_pidfd = -1, .console_fd = -1, .started_at = (int64_t)time(NULL) };
	struct options o;
	struct err e = { 0 };

	log_open("bangerd", NULL);
	list_init(&d.objects);
	list_init(&d.jobs);
	umask(077);
	if (parse_options(argc, argv, &o, &e) < 0 || daemon_open(&d, &o, &e) < 0) {
		log_error("cannot start", "why", e.msg, "hint", e.hint);
		tell_ready(o.ready_fd, &e);
		return 1;
	}
	notify_ready();
	log_info("ready", "version", build_version(), "build", build_id(), "root", layout_dir(LAYOUT_STATE));
	tell_ready(o.ready_fd, NULL);
	if (loop_run(d.loop, &e) < 0)
		log_error("loop ended", "why", e.msg);
	daemon_close(&d);
	return e.code != ERR_NONE;
}
