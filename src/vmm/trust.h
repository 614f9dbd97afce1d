/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Whose a program is that runs for others. */

#include "base/err.h"

/* what is the program's name for messages ("Firecracker"). The file at that absolute path, and every folder on the way to it, can be changed by root alone, and it is no link. Whoever can replace it would run as
 * the VMMs do. ERR_DENIED names what can be changed by whom, ERR_INVALID what is no program, ERR_NOT_FOUND; most with a hint. */
MUST int vmm_check_trusted(const char *what, const char *path, struct err *e);
