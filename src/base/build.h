/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Which program this is. */

/* "0.1.0". Static text. */
const char *build_version(void);
/* The linker's build id of the running binary (ELF note NT_GNU_BUILD_ID) in hexadecimal, "unknown" without one. Two processes with the
 * same one run the same program. Static text. */
const char *build_id(void);
