/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The socket that a VM's guest calls when it is up and when it leaves; it stands for as long as the VM runs. */

#include "base/err.h"

struct daemon;
struct object;

/* Makes the server for all guests. */
MUST int hello_open(struct daemon *d, struct err *e);
/* Makes the VM's run folder and listens in it. Already listening is success. */
MUST int hello_start(struct object *o, struct err *e);
void hello_stop(struct object *o);
