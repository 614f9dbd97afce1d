/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The jail from inside: this program runs in a VMM's place and tries to get out. Only root can make a jail. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "sandbox/caps.h"
#include "sandbox/jail.h"
#include "sandbox/sandbox.h"

enum { CID = 77, OWNER_GID = 4242, FD_DISK = 10, FD_BASE, FD_DIR, N_FDS, DEADLINE_MS = 20000 };

static char folder[64];

static int has_its_user(void)
{
	return getuid() != JAIL_UID_FIRST + CID || geteuid() != getuid() || getgid() != OWNER_GID || getgroups(0, NULL) != 0;
}

static int has_no_capabilities(void)
{
	struct caps c;
	struct err e = { 0 };

	return caps_read(&c, &e) < 0 || c.effective || c.permitted || c.inheritable || c.bounding || c.ambient;
}

static int status_has(const char *line)
{
	AUTO_MEM char *text = NULL;
	struct err e = { 0 };

	return fd_read_file(AT_FDCWD, "/proc/self/status", 1 << 16, &text, NULL, &e) < 0 || !strstr(text, line);
}

static int has_a_filter(void)
{
	return status_has("\nNoNewPrivs:\t1\n") || status_has("\nSeccomp:\t2\n");
}

static int sees_only(const char *dir, const char *const *names)
{
	DIR *d = opendir(dir);

	if (!d)
		return 1;
	for (struct dirent *entry; (entry = readdir(d));) {
		bool known = entry->d_name[0] == '.';
		for (size_t i = 0; names[i]; i++)
			known |= strcmp(names[i], entry->d_name) == 0;
		if (!known)
			return 1;
	}
	closedir(d);
	return 0;
}

static int sees_its_root_only(void)
{
	return open("/dev/urandom", O_RDONLY) < 0 || open("/dev/null", O_RDWR) < 0 ||
	       sees_only("/", (const char *const[]){ "dev", "proc", "run", "vmm", NULL }) ||
	       sees_only("/dev", (const char *const[]){ "null", "urandom", NULL }) || sees_only("/run", (const char *const[]){ "of-the-owner", NULL });
}

/* Root, devices aside: proc, run, program. A mount of the host would be one more. */
static int has_its_mounts_only(void)
{
	AUTO_MEM char *text = NULL;
	struct err e = { 0 };
	size_t lines = 0;

	if (fd_read_file(AT_FDCWD, "/proc/self/mountinfo", 1 << 16, &text, NULL, &e) < 0)
		return 1;
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	return lines != 4 || !strstr(text, " / / ro,");
}

static int sees_no_other_process(void)
{
	return access("/proc/1", F_OK) == 0 || access("/proc/sys", F_OK) == 0 || kill(getppid(), 0) == 0 || errno != EPERM;
}

static int refused(int rc, int why)
{
	return rc >= 0 || errno != why;
}

static int writes_nowhere_else(void)
{
	return open("/new", O_CREAT | O_WRONLY, 0600) >= 0 || open("/vmm", O_WRONLY) >= 0 || open("/dev/new", O_CREAT | O_WRONLY, 0600) >= 0 ||
	       refused(unlink("/run/of-the-owner"), EPERM) || refused(rename("/run/of-the-owner", "/run/x"), EPERM) ||
	       open("/run/own", O_CREAT | O_WRONLY | O_CLOEXEC, 0600) < 0 || unlink("/run/own") < 0;
}

static int opens_its_disk_anew(void)
{
	return open("/proc/self/fd/10", O_RDWR) < 0;
}

static int does_not_write_its_base(void)
{
	return refused(open("/proc/self/fd/11", O_RDWR), EACCES) || refused(fchmod(FD_BASE, 0666), EPERM) || open("/proc/self/fd/11", O_RDONLY) < 0;
}

static int names_no_file_of_the_owner(void)
{
	return refused(open(folder, O_RDONLY), ENOENT) || refused(open("/etc/passwd", O_RDONLY), ENOENT);
}

/* A folder's descriptor that should not have been left to it leads to what its user may see at most, not to others' files. */
static int gets_nothing_by_a_folder(void)
{
	return refused(openat(FD_DIR, "secret", O_RDONLY), EACCES) || refused(openat(FD_DIR, "../../root/.profile", O_RDONLY), EACCES);
}

static int makes_no_device(void)
{
	return refused(mknod("/run/d", S_IFBLK | 0600, makedev(8, 0)), EPERM);
}

static int changes_no_mounts(void)
{
	return refused(mount("none", "/run", "tmpfs", 0, NULL), EPERM) || refused(umount2("/proc", MNT_DETACH), EPERM) || refused(chroot("/run"), EPERM) ||
	       refused(unshare(CLONE_NEWNS), EPERM) || refused(unshare(CLONE_NEWUSER), EPERM) ||
	       refused((int)syscall(SYS_pivot_root, "/run", "/run"), EPERM) || refused(setns(FD_DIR, 0), EPERM);
}

static int reaches_no_network(void)
{
	return refused(socket(AF_INET, SOCK_STREAM, 0), EAFNOSUPPORT) || refused(socket(AF_INET6, SOCK_DGRAM, 0), EAFNOSUPPORT) ||
	       refused(socket(AF_NETLINK, SOCK_RAW, 0), EAFNOSUPPORT) || refused(socket(AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT) ||
	       refused(socket(AF_VSOCK, SOCK_STREAM, 0), EAFNOSUPPORT);
}

static int reaches_no_socket_of_the_host(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/helper.sock", folder);
	return fd < 0 || refused(connect(fd, (struct sockaddr *)&a, sizeof(a)), ENOENT);
}

static int becomes_nobody_else(void)
{
	return refused(setuid(0), EPERM) || refused(setgid(0), EPERM) || refused(setgroups(0, NULL), EPERM);
}

static int looks_into_nobody(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		ptrace(PTRACE_ATTACH, getppid(), 0, 0);
		_exit(0);
	}
	return waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS;
}

static int leaves_no_core(void)
{
	struct rlimit r;

	return getrlimit(RLIMIT_CORE, &r) < 0 || r.rlim_max || getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_max != 4096 || umask(077) != 007;
}

static int has_no_other_descriptor(void)
{
	for (int fd = 3; fd < 1024; fd++)
		if ((fd < FD_DISK || fd >= N_FDS) && fcntl(fd, F_GETFD) >= 0)
			return 1;
	return 0;
}

static const struct {
	const char *name;
	int (*run)(void);
} checks[] = {
	{ "no descriptors but those given", has_no_other_descriptor },
	{ "a user of its own in the owner's group", has_its_user },
	{ "no capabilities in any set", has_no_capabilities },
	{ "no new privileges, a system call filter", has_a_filter },
	{ "its root holds what was put there", sees_its_root_only },
	{ "no mount of the host", has_its_mounts_only },
	{ "no other process is seen or signalled", sees_no_other_process },
	{ "writes to nothing but its sockets' folder", writes_nowhere_else },
	{ "opens its own disk anew", opens_its_disk_anew },
	{ "does not open its base for writing", does_not_write_its_base },
	{ "names no file of the owner", names_no_file_of_the_owner },
	{ "a folder's descriptor leads to nobody's files", gets_nothing_by_a_folder },
	{ "makes no device", makes_no_device },
	{ "changes no mounts and namespaces", changes_no_mounts },
	{ "reaches no network", reaches_no_network },
	{ "reaches no socket of the host", reaches_no_socket_of_the_host },
	{ "becomes nobody else", becomes_nobody_else },
	{ "looks into nobody", looks_into_nobody },
	{ "leaves no core", leaves_no_core },
};

static int inside(void)
{
	int failed = 0;

	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		bool bad = checks[i].run() != 0;
		printf("%s %zu - %s\n", bad ? "not ok" : "ok", i + 1, checks[i].name);
		failed |= bad;
	}
	fflush(stdout);
	return failed;
}

static int make_file(const char *name, mode_t mode)
{
	AUTO_MEM char *path = mem_printf("%s/%s", folder, name);
	int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 || fchown(fd, 0, OWNER_GID) < 0 || fchmod(fd, mode) < 0)
		abort();
	return fd;
}

static void make_dir(const char *path, mode_t mode)
{
	if (mkdir(path, 0700) < 0 || chown(path, 0, OWNER_GID) < 0 || chmod(path, mode) < 0)
		abort();
}

static int run_in_jail(void)
{
	AUTO_MEM char *base = mem_printf("%s/base", folder), *run = mem_printf("%s/run", folder), *other = mem_printf("%s/base-disk", folder);
	char *argv[] = { (char *)(uintptr_t) "vmm", folder, NULL };
	struct jail jail = { .base = base, .run_dir = run, .path = "/vmm", .program = "/proc/self/exe", .uid = jail_uid(CID), .gid = OWNER_GID };
	struct err e = { 0 };
	char self[256];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int status = -1, disk, read_only;
	pid_t pid;

	make_dir(base, 0700);
	make_dir(run, S_ISVTX | 0770);
	close(make_file("run/of-the-owner", 0660));
	close(make_file("secret", 0600));
	disk = make_file("disk", 0660);
	close(make_file("base-disk", 0640));
	read_only = open(other, O_RDONLY | O_CLOEXEC);
	self[n > 0 ? n : 0] = '\0';
	jail.program = self;
	sandbox_vmm_prepare(&jail.filter);
	AUTO_FD int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct proc_fd fds[] = { { 1, 1 }, { 2, 2 }, { disk, FD_DISK }, { read_only, FD_BASE }, { dir, FD_DIR } };
	struct proc_spawn how = { .path = jail.path, .argv = argv, .fds = fds, .n_fds = ARRAY_LEN(fds), .new_session = true,
		.before_exec = jail_enter, .arg = &jail };
	if (proc_start(&how, &pid, NULL, &e) < 0 || proc_wait(pid, time_now_ms() + DEADLINE_MS, &status, &e) < 0)
		printf("Bail out! %s\n", e.msg);
	close(disk);
	close(read_only);
	return status != 0;
}

int main(int argc, char **argv)
{
	AUTO_MEM char *command = NULL;
	int rc;

	if (argc == 2) {
		snprintf(folder, sizeof(folder), "%s", argv[1]);
		return inside();
	}
	if (geteuid() != 0) {
		printf("1..0 # SKIP only root can make a jail\n");
		return 0;
	}
	umask(077); /* as the helper */
	printf("1..%zu\n", ARRAY_LEN(checks));
	fflush(stdout);
	snprintf(folder, sizeof(folder), "/tmp/banger-jail-XXXXXX");
	if (!mkdtemp(folder))
		return 1;
	rc = run_in_jail();
	for (size_t i = 0; i < 6; i++) {
		static const char *const made[] = { "run/of-the-owner", "secret", "disk", "base-disk", "base", "run" };
		AUTO_MEM char *path = mem_printf("%s/%s", folder, made[i]);
		rc |= remove(path) < 0; /* nothing is mounted there, nothing else lies in them */
	}
	return rc | (rmdir(folder) < 0);
}
