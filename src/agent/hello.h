/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The guest's calls to the host (io.banger.Hello). */

#include <stdint.h>

#include "base/err.h"
#include "proto/io_banger_hello.h"

#define HELLO_MS 10000 /* a boot goes on unconfigured after that */

/* Says that the guest is up. ret is the caller's to free with guest_config_done. */
MUST int hello_say(int timeout_ms, struct guest_config *ret, struct err *e);
/* The last word: "poweroff", "reboot" or "panic". */
MUST int hello_leave(const char *action, int timeout_ms, struct err *e);
/* Milliseconds since the kernel started. */
int64_t hello_uptime_ms(void);
/* What this binary is called in hello, ping and health. */
const char *hello_build(void);
