/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <unistd.h>

#include "base/auto.h"
#include "cli/cli_internal.h"
#include "install/install.h"

static MUST int restart(struct err *e)
{
	AUTO_DONE(installed_done) struct installed i = { 0 };

	if (geteuid() != 0) {
		err_set(e, ERR_DENIED, "banger system restart restarts services, so it needs root");
		return err_hint(e, "the same with sudo in front");
	}
	if (installed_load(&i, e) < 0)
		return e->code == ERR_NOT_FOUND ? err_hint(e, "banger is not installed here: sudo banger system install --owner USER") : -1;
	if (i.no_service) {
		err_set(e, ERR_UNAVAILABLE, "banger was installed with --no-service, so this host's service manager restarts it");
		return err_hint(e, "restart bangerd-root, then bangerd, as docs/system.md shows; VMs go on");
	}
	return install_restart(e);
}

static int run(const void *in, void *cx)
{
	struct err e = { 0 };

	return restart(&e) < 0 ? cli_fail(&e, 1) : 0;
}

const struct opt_command cli_system_restart = {
	.name = "restart",
	.brief = "start daemon and helper anew; VMs go on running",
	.run = run,
};
