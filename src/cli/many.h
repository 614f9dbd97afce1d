/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* One act on several VMs at once: good ones proceed when others fail, results come in the order of the command line. */

#include "cli/cli_internal.h"
#include "cli/progress.h"

/* Acts on one VM over a connection of its own; ret_text, printed when it went well, is the caller's to free. */
typedef int (*many_fn)(struct varlink_client *c, const char *vm, struct progress_view *v, const void *arg,
	char **ret_text, struct err *e);

/* Runs fn for each VM named, each once though named twice. Exit status: 1 if any failed. */
int many_run(struct cli *cli, const struct opt_list *vms, many_fn fn, const void *arg);
