/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "init/switch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/str.h"

/* Removes what is in the folder and on its file system. Takes fd over. Failures leave memory in use and nothing worse. */
static void empty_folder(int fd, dev_t dev)
{
	DIR *d = fdopendir(fd);
	struct dirent *entry;
	struct stat st;

	if (!d) {
		close(fd);
		return;
	}
	while ((entry = readdir(d))) {
		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
			continue;
		if (fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_dev != dev)
			continue;
		if (S_ISDIR(st.st_mode)) {
			int sub = openat(dirfd(d), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (sub >= 0)
				empty_folder(sub, dev);
		}
		(void)!unlinkat(dirfd(d), entry->d_name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
	}
	closedir(d);
}

int switch_root(const char *folder, struct err *e)
{
	AUTO_FD int old = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (old < 0 || fstat(old, &st) < 0)
		return err_sys(e, errno, "open '/'");
	if (chdir(folder) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return err_sys(e, errno, "make '%s' the root", folder);
	empty_folder(TAKE_FD(old), st.st_dev);
	return 0;
}

const char *switch_find_init(const char *wanted)
{
	static const char *const usual[] = { "/sbin/init", "/usr/lib/systemd/systemd", "/lib/systemd/systemd", "/etc/init", "/bin/init" };

	if (wanted && access(wanted, X_OK) == 0)
		return wanted;
	for (size_t i = 0; i < ARRAY_LEN(usual); i++)
		if (access(usual[i], X_OK) == 0)
			return usual[i];
	return NULL;
}
