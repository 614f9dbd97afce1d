/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/path.h"

int files_make_dirs(const char *path, struct err *e)
{
	return path_make_dirs(path, 0755, e);
}

int files_write(const char *path, const char *text, mode_t mode, struct err *e)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, mode);

	if (fd < 0)
		return err_sys(e, errno, "open '%s'", path);
	if (fd_write_all(fd, text, strlen(text), FD_FOREVER, e) < 0)
		return err_wrap(e, "write '%s'", path);
	return 0;
}

int files_set(const char *path, const char *value, struct err *e)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return err_sys(e, errno, "open '%s'", path);
	if (write(fd, value, strlen(value)) < 0)
		return err_sys(e, errno, "write '%s'", path);
	return 0;
}
