/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Bytes both ways between two stream sockets. */

#include <stddef.h>

/* Until both ends have said their last, or one is broken. first, n bytes, goes to b before all else. Both are blocking afterwards, and open. */
void relay_run(int a, int b, const void *first, size_t n);
