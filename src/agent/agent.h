/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Role banger-vsock-agent: io.banger.Agent on vsock port 42070, for the host only. One at a time serves; another one waits on a lock
 * until the first is gone. */

#include "base/err.h"

#define AGENT_LISTEN_FD 3                /* banger-init hands the listening socket over there, saying so in the environment: */
#define AGENT_ENV_EARLY "BANGER_EARLY"
#define AGENT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define AGENT_RUN_DIR "/run/banger"
#define AGENT_CONFIGURED AGENT_RUN_DIR "/configured" /* is there once the guest has been configured since its boot */

struct loop;
struct varlink_server;

int agent_main(int argc, char **argv);
/* Serves io.banger.Agent on the loop; listening is the caller's to add. */
MUST int agent_server_new(struct loop *loop, struct varlink_server **ret, struct err *e);
