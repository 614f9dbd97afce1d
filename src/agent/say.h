/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The guest's words to its kernel log: one line each, "banger: ...". Errors show on the console even on a quiet kernel line. */

#include "base/err.h"

void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void say_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
