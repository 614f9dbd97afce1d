/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Intrusive doubly linked list; a head is a link that points at itself. */

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *prev, *next;
};

static inline void list_init(struct list *l)
{
	l->prev = l->next = l;
}
static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}
static inline void list_add_tail(struct list *head, struct list *x)
{
	x->prev = head->prev;
	x->next = head;
	head->prev->next = x;
	head->prev = x;
}
/* Safe on an initialised link that is in no list. */
static inline void list_remove(struct list *x)
{
	x->prev->next = x->next;
	x->next->prev = x->prev;
	list_init(x);
}
#define list_entry(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))
/* The body may remove it. */
#define list_for_each(it, head) for (struct list *it = (head)->next, *it##_next = it->next; it != (head); it = it##_next, it##_next = it->next)
