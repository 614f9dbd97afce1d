/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Has the host been started anew since a daemon last ran here? No process of then is one of now, whatever its number. */

#include <stdbool.h>

/* By the kernel's boot id. False when that of the last time is unknown. */
bool boot_is_new(void);
/* Notes this boot as the last, once what follows from a new one stands in the records. */
void boot_note(void);
