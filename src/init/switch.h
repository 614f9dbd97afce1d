/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* From the initrd into the image. */

#include "base/err.h"

/* Makes the mounted folder the root of this process, and empties the initrd's memory. */
MUST int switch_root(const char *folder, struct err *e);
/* The program to execute as PID 1: wanted if it can be, else the first of the usual ones; NULL when the image has none. */
const char *switch_find_init(const char *wanted);
