/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Scope-bound cleanup. Owners start as NULL or -1; ownership leaves through TAKE_PTR / TAKE_FD. */

#include <stdlib.h>
#include <unistd.h>

/* Declares a pointer that free_fn(T *) gives back at scope end: AUTO(vm_free) struct vm *vm = NULL; free_fn takes NULL. */
#define AUTO(free_fn) __attribute__((cleanup(auto_##free_fn)))
/* Makes AUTO(free_fn) usable for pointers to type; one line beside the prototype of free_fn. */
#define AUTO_DEFINE(type, free_fn)                  \
	static inline void auto_##free_fn(type **p) \
	{                                           \
		free_fn(*p);                        \
	}                                           \
	struct auto_swallow_semicolon_##free_fn
/* The same for caller-allocated values: AUTO_DONE(buf_done) struct buf b = BUF_INIT; done_fn(T *). */
#define AUTO_DONE(done_fn) __attribute__((cleanup(done_fn)))

static inline void auto_fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
static inline void auto_mem_free(void *p)
{
	free(*(void **)p);
}
#define AUTO_FD __attribute__((cleanup(auto_fd_close)))
#define AUTO_MEM __attribute__((cleanup(auto_mem_free)))

#define TAKE_PTR(p)                                 \
	({                                          \
		__typeof__(p) *take_at = &(p);      \
		__typeof__(p) take_was = *take_at;  \
		*take_at = NULL;                    \
		take_was;                           \
	})
#define TAKE_FD(fd)                  \
	({                           \
		int *take_at = &(fd);    \
		int take_was = *take_at; \
		*take_at = -1;       \
		take_was;            \
	})

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
