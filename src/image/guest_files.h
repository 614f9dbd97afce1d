/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The files of guest/, in the binary; scripts/embed writes the table. */

#include <stddef.h>

struct guest_file {
	const char *name; /* in guest/ */
	size_t n;
	const char *data;
};

extern const struct guest_file guest_files[];
extern const size_t n_guest_files;
