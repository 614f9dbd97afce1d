/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The name server for .vm on a loopback port, UDP and TCP: running VMs with an address, as they are at the moment of the question. */

#include "base/err.h"

struct daemon;

/* Listens where the configuration says, and nowhere else any more; nothing configured is success. When it fails, the daemon goes on without, the
 * reason stays in d->dns_reason, and each change of a VM tries again: the port may have been another daemon's. */
MUST int dns_listen(struct daemon *d, struct err *e);
void dns_close(struct daemon *d);
/* VMs have come, changed or gone. */
void dns_changed(struct daemon *d);
