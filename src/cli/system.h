/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What the commands on an installation share. */

#include "base/str.h"
#include "install/install.h"

/* The texts that an installation gets beside the units: completions and the manual page, which is written into man and lives with it. */
size_t system_texts(struct str *man, struct install_text ret[static INSTALL_EXTRA_MAX]);
