/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/command.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"

void vmm_command_done(struct vmm_command *c)
{
	for (size_t i = 0; i < c->n_words; i++)
		free(c->argv[i]);
	for (size_t i = 0; i < c->n_own_fds; i++)
		close(c->own_fds[i]);
	free(c->path);
	*c = (struct vmm_command){ 0 };
}

void vmm_command_add(struct vmm_command *c, const char *fmt, ...)
{
	va_list ap;
	char *word;

	va_start(ap, fmt);
	if (vasprintf(&word, fmt, ap) < 0)
		abort();
	va_end(ap);
	assert(c->n_words < VMM_COMMAND_WORDS);
	c->argv[c->n_words++] = word;
	c->argv[c->n_words] = NULL;
}

int vmm_command_inherit(struct vmm_command *c, int fd)
{
	int as_fd = VMM_COMMAND_FIRST_FD + (int)c->n_fds;

	vmm_command_inherit_as(c, fd, as_fd);
	return as_fd;
}

void vmm_command_inherit_as(struct vmm_command *c, int fd, int as_fd)
{
	assert(c->n_fds < VMM_COMMAND_FDS);
	c->fds[c->n_fds++] = (struct proc_fd){ fd, as_fd };
}

int vmm_command_text(struct vmm_command *c, const char *name, const struct str *text, int *ret, struct err *e)
{
	AUTO_FD int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0 || c->n_own_fds == ARRAY_LEN(c->own_fds))
		return err_sys(e, fd < 0 ? errno : EMFILE, "memfd '%s'", name);
	if (fd_pwrite_all(fd, text->data, text->len, 0, e) < 0)
		return -1;
	*ret = vmm_command_inherit(c, fd);
	c->own_fds[c->n_own_fds++] = TAKE_FD(fd);
	return 0;
}

int vmm_find_program(const char *name, char **ret, struct err *e)
{
	const char *at = getenv("PATH");
	struct stat st;

	if (!at)
		at = "/usr/local/bin:/usr/bin:/bin";
	while (*at) {
		size_t n = strcspn(at, ":");
		AUTO_MEM char *path = mem_printf("%.*s/%s", (int)n, at, name);
		if (*path == '/' && access(path, X_OK) == 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
			*ret = TAKE_PTR(path);
			return 0;
		}
		at += n + (at[n] == ':');
	}
	return err_set(e, ERR_NOT_FOUND, "no program '%s' on PATH", name);
}
