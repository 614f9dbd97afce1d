/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Allocation that cannot fail: running out aborts. A size from outside is checked against a named limit before it comes here. */

#include <stddef.h>

/* n bytes, zeroed. Caller frees. */
void *mem_new(size_t n);
/* n members of size bytes each, zeroed, overflow checked. */
void *mem_array(size_t n, size_t size);
/* realloc to n members of size bytes; new bytes are not zeroed. */
void *mem_resize(void *p, size_t n, size_t size);
/* Makes room for one more member behind n in an array whose capacity grows by powers of two from n alone. */
void *mem_grow(void *p, size_t n, size_t size);
/* Copies; NULL gives NULL. */
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t n);
void *mem_dup(const void *p, size_t n);
/* printf into a fresh string. */
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define NEW(type) ((type *)mem_new(sizeof(type)))
