/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sandbox/jail.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "sandbox/caps.h"
#include "sandbox/sandbox.h"

enum { MEM_MAJOR = 1, NULL_MINOR = 3, URANDOM_MINOR = 9, MISC_MAJOR = 10, TUN_MINOR = 200, KVM_MINOR = 232 };
enum { FILES_MAX = 4096 };

uint32_t jail_uid(uint32_t cid)
{
	return JAIL_UID_FIRST + cid % JAIL_UID_COUNT;
}

int jail_needs_libraries(const char *program, bool *ret, struct err *e)
{
	AUTO_FD int fd = open(program, O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr head;
	Elf64_Phdr part;

	if (fd < 0)
		return err_sys(e, errno, "open '%s'", program);
	if (pread(fd, &head, sizeof(head), 0) != sizeof(head) || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
	    head.e_machine != EM_X86_64 || head.e_phentsize != sizeof(part))
		return err_set(e, ERR_INVALID, "'%s' is no program for this machine", program);
	*ret = false;
	for (unsigned i = 0; i < head.e_phnum && !*ret; i++) {
		if (pread(fd, &part, sizeof(part), (off_t)(head.e_phoff + i * sizeof(part))) != sizeof(part))
			return err_set(e, ERR_INVALID, "'%s' is no program for this machine", program);
		*ret = part.p_type == PT_INTERP;
	}
	return 0;
}

static MUST int bind(const char *from, const char *to, unsigned long flags)
{
	if (mount(from, to, NULL, MS_BIND, NULL) < 0)
		return -1;
	return mount(NULL, to, NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | flags, NULL);
}

static MUST int device(const char *name, unsigned major, unsigned minor, const struct jail *j)
{
	if (mknod(name, S_IFCHR | 0600, makedev(major, minor)) < 0)
		return -1;
	return chown(name, j->uid, j->gid);
}

static MUST int make_devices(const struct jail *j)
{
	if (mkdir("dev", 0755) < 0 || device("dev/null", MEM_MAJOR, NULL_MINOR, j) < 0 || device("dev/urandom", MEM_MAJOR, URANDOM_MINOR, j) < 0)
		return -1;
	if (j->kvm && device("dev/kvm", MISC_MAJOR, KVM_MINOR, j) < 0)
		return -1;
	return j->tun && (mkdir("dev/net", 0755) < 0 || device("dev/net/tun", MISC_MAJOR, TUN_MINOR, j) < 0) ? -1 : 0;
}

/* A name that is a symlink on the host (/lib on merged systems) leads to a folder under /usr; bound by itself it is one more name of that. */
static MUST int bind_libraries(void)
{
	static const char *const dirs[] = { "usr", "lib", "lib64", "etc/ld.so.cache" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		char host[32];
		struct stat st;

		snprintf(host, sizeof(host), "/%s", dirs[i]);
		if (stat(host, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode) ? mkdir(dirs[i], 0755) < 0 : mkdir("etc", 0755) < 0 || mknod(dirs[i], S_IFREG | 0644, 0) < 0)
			return -1;
		if (bind(host, dirs[i], MS_RDONLY) < 0)
			return -1;
	}
	return 0;
}

/* Its sockets' folder lies among those of the user whose VM it is: a symlink there leads as far as that user could go. */
static MUST int open_run(const struct jail *j)
{
	int fd;

	setfsgid(j->run_gid);
	setfsuid(j->run_uid);
	fd = open(j->run_dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	setfsuid(geteuid());
	setfsgid(getegid());
	return fd;
}

static MUST int bind_run(const struct jail *j)
{
	AUTO_FD int fd = open_run(j);
	char from[32];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	return fd < 0 || mkdir(&JAIL_RUN[1], 0755) < 0 ? -1 : bind(from, &JAIL_RUN[1], MS_NOEXEC);
}

static MUST int make_root(const struct jail *j, const char **step)
{
	*step = "make a mount namespace";
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	*step = "make its root";
	if (mount("banger", j->base, "tmpfs", MS_NOSUID, "mode=0755,size=64k,nr_inodes=64") < 0 || chdir(j->base) < 0)
		return -1;
	*step = "make its devices";
	umask(0);
	if (make_devices(j) < 0)
		return -1;
	*step = "mount its /proc";
	if (mkdir("proc", 0555) < 0 || mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "subset=pid,hidepid=2") < 0)
		return -1;
	*step = "bind its sockets' folder";
	if (bind_run(j) < 0)
		return -1;
	*step = "bind its program";
	if (j->program && (mknod(j->path + 1, S_IFREG | 0755, 0) < 0 || bind(j->program, j->path + 1, MS_RDONLY) < 0))
		return -1;
	*step = "bind its libraries";
	return j->libraries ? bind_libraries() : 0;
}

/* The old root is unmounted, not hidden: no descriptor and no ".." leads to it. */
static MUST int change_root(const struct jail *j, const char **step)
{
	*step = "change its root";
	if (mount(NULL, ".", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, NULL) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0)
		return -1;
	return chdir("/");
}

/* Sockets are born for the owner's group, which is in no folder but the VM's own with them. */
static MUST int set_limits(void)
{
	struct rlimit core = { 0, 0 }, files = { FILES_MAX, FILES_MAX };

	umask(007);
	return setrlimit(RLIMIT_CORE, &core) < 0 || setrlimit(RLIMIT_NOFILE, &files) < 0 ? -1 : 0;
}

static MUST int become(const struct jail *j, const char **step)
{
	struct err e = { 0 };

	/* While it is still root: leaving the bounding set needs CAP_SETPCAP. All capabilities go, and with the last those for the user; so it comes between. */
	*step = "leave the bounding set";
	if (caps_drop_bounding(&e) < 0)
		return errno = e.sys, -1;
	*step = "become its user";
	if (setgroups(0, NULL) < 0 || setresgid(j->gid, j->gid, j->gid) < 0 || setresuid(j->uid, j->uid, j->uid) < 0)
		return -1;
	*step = "give up capabilities";
	if (caps_keep(0, &e) < 0)
		return errno = e.sys, -1;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int jail_enter(void *arg)
{
	struct jail *j = arg;
	const char *step = "begin";
	char text[128];
	int sys;

	if (make_root(j, &step) < 0 || change_root(j, &step) < 0 || (step = "set limits", set_limits()) < 0 ||
	    become(j, &step) < 0 || (step = "restrict system calls", sandbox_available() && seccomp_install(&j->filter) < 0)) {
		sys = errno;
		snprintf(text, sizeof(text), "jail: cannot %s: %s\n", step, strerror(sys));
		(void)!write(2, text, strlen(text));
		errno = sys;
		return -1;
	}
	return 0;
}
