/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* GET /metrics in Prometheus' text format (version 0.0.4) on a loopback port or a unix socket, when the configuration names one. */

#include "base/err.h"

struct daemon;

/* Listens where the configuration says, and nowhere else any more; nothing configured is success. The daemon goes on when it fails. */
MUST int metrics_listen(struct daemon *d, struct err *e);
void metrics_close(struct daemon *d);
