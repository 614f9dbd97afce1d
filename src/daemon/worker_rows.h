/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"

struct daemon;

/* Makes the server of the workers' connections (d->workers). */
MUST int worker_rows_open(struct daemon *d, struct err *e);
