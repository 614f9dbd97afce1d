/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Work that may take long, done by a forked process while the loop goes on. */

#include <stddef.h>

#include "base/err.h"

struct loop;

#define ASIDE_OUTPUT_MAX 256

/* Forks: the child runs work(arg), whose standard output goes to us, and ends. Then done(output, arg) runs on the loop; output is cut
 * at ASIDE_OUTPUT_MAX. The process ignores SIGCHLD. */
MUST int aside_run(struct loop *loop, void (*work)(void *arg), void (*done)(const char *output, void *arg), void *arg, struct err *e);
