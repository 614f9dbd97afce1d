/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The way to the daemon. */

#include "base/err.h"
#include "cli/cli_internal.h"
#include "proto/io_banger.h"

/* Connects to the daemon; starts it when none runs, and replaces one left from another build when no job runs. */
MUST int client_connect(struct cli *cli, struct varlink_client **ret, struct err *e);
/* Connects only to a daemon that runs. ERR_NOT_FOUND without one. */
MUST int client_connect_running(struct varlink_client **ret, struct err *e);
/* Asks the daemon to end and waits until its process is gone. */
MUST int client_stop_daemon(struct varlink_client *c, bool force, struct err *e);
/* Starts a daemon and waits until it listens. */
MUST int client_start_daemon(struct cli *cli, struct err *e);
/* Connects to a VM's agent through the daemon. */
MUST int client_connect_agent(struct varlink_client *c, const char *vm, struct varlink_client **ret, struct err *e);
