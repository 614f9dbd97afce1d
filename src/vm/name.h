/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Names of VMs. They become host names, DNS labels, words of the kernel's command line and folders, hence the narrow alphabet. */

#include "base/err.h"

#define VM_NAME_MAX 63

/* 1 to 63 of a-z, 0-9 and '-', no '-' at either end; never normalised. ERR_INVALID names the character and its position. */
MUST int vm_name_check(const char *name, struct err *e);
/* Writes a fresh name such as "calm-otter" into out and returns out. attempt counts the names already taken: from the fourth on a
 * number is appended, so that a caller who tries on always finds one. */
const char *vm_name_generate(unsigned attempt, char out[static VM_NAME_MAX + 1]);
