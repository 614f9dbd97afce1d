/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Serves org.example.Every on the unix socket named on the command line until SIGTERM; says "ready" when it listens. */
#include <signal.h>
#include <stdio.h>

#include "base/fd.h"
#include "every_server.h"

static void on_term(struct loop *l, const struct signalfd_siginfo *info, void *arg)
{
	loop_stop(l);
}

static MUST int serve(struct every *s, const char *path, struct err *e)
{
	struct varlink_server_conf conf = { .vendor = "example", .product = "every", .version = "1", .url = "about:blank", .context = s,
		.on_refused = every_refused };
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	if (loop_new(&s->loop, e) < 0 || loop_add_signals(s->loop, &set, on_term, NULL, e) < 0)
		return -1;
	if (varlink_server_new(s->loop, every_ifaces, 1, &conf, &s->srv, e) < 0 || fd_listen_unix(path, 0600, &fd, e) < 0)
		return -1;
	if (varlink_server_listen(s->srv, fd, NULL, e) < 0)
		return -1;
	puts("ready");
	fflush(stdout);
	return loop_run(s->loop, e);
}

int main(int argc, char **argv)
{
	struct every s = { 0 };
	struct err e = { 0 };
	int rc = argc == 2 ? serve(&s, argv[1], &e) : -1;

	if (rc < 0)
		fprintf(stderr, "%s\n", e.msg);
	varlink_server_free(s.srv);
	loop_free(s.loop);
	return rc < 0;
}
