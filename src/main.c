/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Picks the role: by the name the file is called by, else by --role NAME, else the command line tool. */
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/auto.h"
#include "base/str.h"
#include "cli/cli.h"
#include "daemon/daemon.h"
#include "helper/helper.h"
#include "init/init.h"
#include "ops/op.h"
#include "vhost/vhost.h"

static const struct role {
	const char *name;
	int (*main)(int argc, char **argv);
} roles[] = {
	{ "bangerd", daemon_main },
	{ "worker", worker_main },
	{ "bangerd-root", helper_main },
	{ "banger-vsock-agent", agent_main },
	{ "banger-init", init_main },
	{ "banger-vhost-vsock", vhost_main },
};

static const struct role *find_role(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (str_eq(roles[i].name, name))
			return &roles[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const char *slash = argc ? strrchr(argv[0], '/') : NULL;
	const char *name = slash ? slash + 1 : argc ? argv[0] : "banger";
	const struct role *r;

	/* libarchive takes UTF-8 names as they are only outside the C locale. */
	setlocale(LC_CTYPE, "C.UTF-8");
	/* The initrd's /init, and the agent's name that systemd's last killing spares (systemd: "Root Storage Daemons"). */
	if (getpid() == 1 && str_eq(name, "init"))
		name = "banger-init";
	if (argc > 2 && str_eq(argv[1], "--role")) {
		r = find_role(argv[2]);
		if (!r) {
			fprintf(stderr, "banger: no role '%s'\n", argv[2]);
			return 1;
		}
		argv[2] = argv[0];
		return r->main(argc - 2, argv + 2);
	}
	r = find_role(*name == '@' ? name + 1 : name);
	return r ? r->main(argc, argv) : cli_main(argc, argv);
}
