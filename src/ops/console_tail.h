/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#define CONSOLE_TAIL_MAX 280

/* The last lines of a log in one, parted by " | ", without control bytes and kernel time stamps; as many as fit. False when there are none. */
bool console_tail(const char *path, char out[static CONSOLE_TAIL_MAX]);
