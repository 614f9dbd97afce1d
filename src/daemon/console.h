/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Keeps the logs of running VMs within a bound, for a guest may print for ever; and reads from the last line what the guest's kernel did. A
 * guest whose init turns the power off does not end its VMM where there is no power to turn off (Firecracker), but its kernel says so. */

#include <stdint.h>

#include "base/err.h"

#define CONSOLE_MAX_BYTES (4 << 20)  /* a log larger than this is cut */
#define CONSOLE_KEEP_BYTES (1 << 20) /* to about its last part of this size */

struct daemon;
struct object;

MUST int console_open(struct daemon *d, struct err *e);
void console_close(struct daemon *d);
/* A launch: what the log holds by now is of the starts before. It goes into the record, which the caller saves: a daemon that adopts the VM has
 * to know it too. */
void console_begin(struct object *o);
/* Watches the logs of a VM that runs; again is fine. Failure is logged: a VM runs without the bound rather than not at all. */
void console_watch(struct object *o);
void console_unwatch(struct object *o);
/* What a guest's kernel said last (kernel/reboot.c), behind which it does nothing more. */
enum console_word { CONSOLE_OTHER, CONSOLE_HALTED, CONSOLE_RESTARTED };
/* What stands before the byte from is of another start; a log that has become shorter was cut. CONSOLE_OTHER where nothing can be read. What banger-init said it would do counts before the reset by which it does it. */
enum console_word console_last_word(const char *path, int64_t from);
/* The same of a VM. */
enum console_word console_word_of(const struct object *o);
/* Cuts the file at path to its last keep bytes when it is larger than max. What is appended meanwhile stays. */
MUST int console_cut(const char *path, int64_t max, int64_t keep, struct err *e);
