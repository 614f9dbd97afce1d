/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A command line in the making: words, and the descriptors it inherits under numbers from 10 on. */

#include <stddef.h>

#include "base/err.h"
#include "base/proc.h"
#include "base/str.h"

#define VMM_COMMAND_WORDS 128
#define VMM_COMMAND_FDS 32
#define VMM_COMMAND_FIRST_FD 10

struct vmm_command {
	char *path;
	char *argv[VMM_COMMAND_WORDS + 1];
	size_t n_words;
	struct proc_fd fds[VMM_COMMAND_FDS];
	size_t n_fds;
	int own_fds[4]; /* made for this command (memfds); closed by vmm_command_done */
	size_t n_own_fds;
};

void vmm_command_done(struct vmm_command *c);
/* Appends one word. */
void vmm_command_add(struct vmm_command *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The child gets fd under a number of its own, which is returned. */
int vmm_command_inherit(struct vmm_command *c, int fd);
/* The same under a given number. */
void vmm_command_inherit_as(struct vmm_command *c, int fd, int as_fd);
/* The child gets text as a readable descriptor (memfd), whose number is in *ret. */
MUST int vmm_command_text(struct vmm_command *c, const char *name, const struct str *text, int *ret, struct err *e);
/* The first executable file of that name on PATH. ERR_NOT_FOUND. Caller frees. */
MUST int vmm_find_program(const char *name, char **ret, struct err *e);
