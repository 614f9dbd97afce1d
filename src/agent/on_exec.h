/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

/* How many sessions there are. */
int64_t on_exec_count(void);
