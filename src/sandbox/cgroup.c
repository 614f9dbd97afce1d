/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sandbox/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"

#define ALL "+cpu +memory +pids"

enum { PERIOD_US = 100000, TEXT_MAX = 4096 };

static MUST int put(const char *group, const char *file, const char *text, struct err *e)
{
	AUTO_MEM char *path = mem_printf("%s/%s", group, file);
	AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return err_sys(e, errno, "write '%s' to '%s'", text, path);
	return 0;
}

static bool has_word(const char *words, const char *word)
{
	const char *at = strstr(words, word);
	size_t n = strlen(word);

	return at && (at == words || at[-1] == ' ') && (at[n] == '\0' || at[n] == ' ' || at[n] == '\n');
}

/* The group above has controllers that it does not pass down: a service manager takes them back from the group of a unit that was empty for a moment, and
 * cannot once we pass them on. */
static MUST int pass_down(const char *path, struct err *e)
{
	AUTO_MEM char *above = path_dirname(path);

	if (strlen(above) < strlen(CGROUP_ROOT))
		return err_set(e, ERR_UNAVAILABLE, "this kernel has not all controllers of control groups: cpu, memory and pids");
	return put(above, "cgroup.subtree_control", ALL, e);
}

int cgroup_make_parent(const char *path, struct err *e)
{
	static const char *const controllers[] = { "cpu", "memory", "pids" };
	AUTO_MEM char *offered = NULL, *text = NULL;
	struct statfs fs;
	size_t n;

	if (statfs(CGROUP_ROOT, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
		return err_set(e, ERR_UNAVAILABLE, "this host has no control groups of version 2");
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return err_sys(e, errno, "make control group '%s'", path);
	offered = mem_printf("%s/cgroup.controllers", path);
	if (fd_read_file(AT_FDCWD, offered, TEXT_MAX, &text, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(controllers); i++)
		if (!has_word(text, controllers[i]) && pass_down(path, e) < 0)
			return -1;
	return put(path, "cgroup.subtree_control", ALL, e);
}

int cgroup_make(const char *parent, const char *name, const struct cgroup_limits *limits, struct err *e)
{
	AUTO_MEM char *group = mem_printf("%s/%s", parent, name);
	AUTO_MEM char *memory = mem_printf("%lld", (long long)limits->memory_mib << 20);
	AUTO_MEM char *cpu = mem_printf("%lld %d", (long long)limits->cpus * PERIOD_US, PERIOD_US);
	AUTO_MEM char *tasks = mem_printf("%lld", (long long)limits->tasks);

	if (mkdir(group, 0755) < 0 && errno != EEXIST)
		return err_sys(e, errno, "make control group '%s'", group);
	return put(group, "memory.max", memory, e) < 0 || put(group, "cpu.max", cpu, e) < 0 || put(group, "pids.max", tasks, e) < 0 ? -1 : 0;
}

int cgroup_add(const char *parent, const char *name, pid_t pid, struct err *e)
{
	AUTO_MEM char *group = mem_printf("%s/%s", parent, name);
	AUTO_MEM char *text = mem_printf("%d", (int)pid);

	return put(group, "cgroup.procs", text, e);
}

int cgroup_kill(const char *parent, const char *name, struct err *e)
{
	AUTO_MEM char *group = mem_printf("%s/%s", parent, name);

	if (put(group, "cgroup.kill", "1", e) == 0)
		return 0;
	if (e->sys != ENOENT && e->sys != ENODEV)
		return -1;
	err_clear(e);
	return 0;
}

void cgroup_sweep(const char *parent)
{
	DIR *dir = opendir(parent);
	struct dirent *d;

	if (!dir)
		return;
	/* One that holds a process is busy and stays. */
	while ((d = readdir(dir)))
		if (d->d_type == DT_DIR && d->d_name[0] != '.')
			(void)!unlinkat(dirfd(dir), d->d_name, AT_REMOVEDIR);
	closedir(dir);
}
