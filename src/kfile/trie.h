/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* kmod's index format: a trie in one file, for the files of this room only.
 *
 * Big-endian throughout: magic 0xb007f457, version 0x00020001, reference of the root. A reference is a file offset with three flags in
 * its top bits, which say what follows there, in this order: a prefix (text and NUL), children (first and last character, one reference
 * for each in between, 0 for none), values (their count; priority, text and NUL for each). */

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct trie {
	struct trie_entry {
		char *key, *value;
		uint32_t priority;
		size_t place; /* in the order of adding */
	} *v;
	size_t n;
};

/* Copies both. Left out are those that are not 7-bit ASCII, for which the format has no place, and keys above 2 KiB. */
void trie_add(struct trie *t, const char *key, const char *value, uint32_t priority);
/* Appends the index file to out. Of values with one key lower priority comes first, of equal ones the last added, as depmod has it. */
void trie_write(struct trie *t, struct str *out);
void trie_done(struct trie *t);
