/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Capabilities (linux/capability.h) as sets of bits. */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CAPS_TEXT 640
#define CAPS_BIT(number) (1ull << (number))

struct caps {
	uint64_t effective, permitted, inheritable, bounding, ambient;
};

/* What the helper and a VMM keep where they are root, by name with the reason; docs/privilege.md has the same lists. Ended by a NULL name. */
struct caps_reason {
	const char *name; /* "net_admin" */
	const char *reason;
};
extern const struct caps_reason caps_helper[], caps_launcher[], caps_jail[], caps_vmm[]; /* caps_jail: the launcher's besides, where jails are made */

/* The bits of such a list. */
uint64_t caps_of(const struct caps_reason *list);
/* The calling thread's. */
MUST int caps_read(struct caps *ret, struct err *e);
/* Gives up all but keep, for good: effective and permitted become what is left of keep, the inheritable and ambient sets empty, and what is not kept leaves the
 * bounding set where that is allowed (CAP_SETPCAP). */
MUST int caps_keep(uint64_t keep, struct err *e);
/* Empties the bounding set, which takes CAP_SETPCAP. */
MUST int caps_drop_bounding(struct err *e);
/* "chown,net_admin", "none"; a number for those this build does not know. Writes into out and returns it. */
const char *caps_text(uint64_t set, char out[static CAPS_TEXT]);
