/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/trust.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/path.h"

/* The file and each folder above it. A link among them, which only who may write its folder can replace, leads where the real path is looked at too. */
static MUST int check_way(const char *what, const char *path, struct err *e)
{
	AUTO_MEM char *at = mem_strdup(path);
	struct stat st;

	for (;;) {
		if (lstat(at, &st) < 0)
			return err_sys(e, errno, "look at '%s'", at);
		if (st.st_uid != 0 || (st.st_mode & 022 && !S_ISLNK(st.st_mode) && !(S_ISDIR(st.st_mode) && st.st_mode & S_ISVTX))) {
			err_set(e, ERR_DENIED, "%s '%s' can be replaced by others than root: '%s' is of user %u, mode %04o", what, path, at,
				(unsigned)st.st_uid, (unsigned)(st.st_mode & 07777));
			return err_hint(e, "sudo install -o root -m 0755 it into /usr/local/bin");
		}
		if (strcmp(at, "/") == 0)
			return 0;
		char *up = path_dirname(at);
		free(at);
		at = up;
	}
}

int vmm_check_trusted(const char *what, const char *path, struct err *e)
{
	AUTO_MEM char *real = NULL;
	struct stat st;

	if (*path != '/')
		return err_set(e, ERR_INVALID, "%s '%s' is not an absolute path", what, path);
	if (lstat(path, &st) < 0)
		return err_sys(e, errno, "look at %s '%s'", what, path);
	if (S_ISLNK(st.st_mode)) {
		err_set(e, ERR_INVALID, "%s '%s' is a symbolic link", what, path);
		return err_hint(e, "name what it points to: system install --firecracker FILE");
	}
	if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return err_set(e, ERR_INVALID, "%s '%s' is no executable file", what, path);
	real = realpath(path, NULL);
	if (!real)
		return err_sys(e, errno, "look at %s '%s'", what, path);
	return check_way(what, path, e) < 0 || (strcmp(real, path) != 0 && check_way(what, real, e) < 0) ? -1 : 0;
}
