/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The caller's terminal, and streams that never block the session. */

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#include "base/err.h"
#include "base/str.h"

/* Standard input as a raw terminal; restored by tty_restore, also when nothing was changed. */
struct tty {
	bool raw;
	struct termios before;
};
MUST int tty_make_raw(struct tty *t, struct err *e);
void tty_restore(struct tty *t);
/* Rows and columns of the terminal, 24 and 80 when it does not know. */
void tty_size(int *ret_rows, int *ret_columns);

/* Where the guest's output goes. A pipe or terminal is opened anew without blocking, for the mode belongs to the open file, which the
 * caller shares with others. */
struct sink {
	int fd;
	bool own;           /* fd was opened here */
	bool gone;          /* nobody reads it any more */
	struct str pending; /* not yet written */
};
void sink_open(struct sink *s, int fd);
/* Writes what goes now, keeps the rest. Nobody there is no error: gone is set. */
MUST int sink_write(struct sink *s, const void *data, size_t n, struct err *e);
/* Writes more of what is pending; call it when fd is writable. */
MUST int sink_flush(struct sink *s, struct err *e);
void sink_done(struct sink *s);
