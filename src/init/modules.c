/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "init/modules.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/module.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/str.h"

#ifndef MODULE_INIT_COMPRESSED_FILE
#define MODULE_INIT_COMPRESSED_FILE 4
#endif

#define ORDER_MAX (1 << 16)

static MUST int load(int dir, const char *name, struct err *e)
{
	AUTO_FD int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, errno, "open module '%s'", name);
	if (syscall(SYS_finit_module, fd, "", str_ends(name, ".ko") ? 0 : MODULE_INIT_COMPRESSED_FILE) == 0)
		return 0;
	if (errno == EEXIST || errno == ENODEV)
		return 0;
	return err_sys(e, errno, "load module '%s'", name);
}

int modules_load(const char *dir, struct err *e)
{
	AUTO_FD int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_MEM char *order = NULL;
	char *rest, *name;

	if (dir_fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open '%s'", dir);
	if (fd_read_file(dir_fd, "order", ORDER_MAX, &order, NULL, e) < 0)
		return -1;
	rest = order;
	while ((name = strsep(&rest, "\n"))) {
		struct err one = { 0 };
		if (*name && load(dir_fd, name, &one) < 0 && e->code == ERR_NONE)
			*e = one;
	}
	return e->code == ERR_NONE ? 0 : -1;
}
