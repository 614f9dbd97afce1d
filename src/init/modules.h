/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The initrd's kernel modules. */

#include "base/err.h"

/* Loads dir/NAME for each line NAME of dir/order, in that order. No such file is success; so is a module that is there already or has
 * no device. The first failure is the error, after all others have been tried. */
MUST int modules_load(const char *dir, struct err *e);
