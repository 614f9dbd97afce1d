/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/auto.h"
#include "cli/cli_internal.h"
#include "store/layout.h"

static int run(const void *in, void *cx)
{
	AUTO_MEM char *path = layout_socket();

	printf("%s\n", path);
	return 0;
}

static const char *const examples[] = { "varlinkctl call $(banger daemon socket) io.banger.VmList {}", NULL };
const struct opt_command cli_daemon_socket = {
	.name = "socket",
	.brief = "print the path of the daemon's varlink socket",
	.examples = examples,
	.run = run,
};
