/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The guest's words to its kernel log: one line each, "banger: ...". */

#include "base/err.h"

void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Shown on the console as well, even with a quiet kernel line: errors, and the two lines that tell a guest's beginning and end. */
void say_console(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
