/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Strings to small numbers, each string kept once; for the files of this room only. */

#include <stddef.h>
#include <stdint.h>

struct names {
	char **text; /* of each number */
	size_t n;
	uint32_t *slots; /* number + 1, or 0 */
	size_t n_slots;  /* a power of two */
};
#define NAMES_NONE SIZE_MAX

/* The number of s, a new one (the old n) when it was not known. */
size_t names_add(struct names *t, const char *s);
/* NAMES_NONE when s is not known. */
size_t names_find(const struct names *t, const char *s);
void names_done(struct names *t);
