/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Takes Firecracker's seat: installed as Firecracker it says a version, and launched by the real helper it tries to get out of the real jail. Each try is a
 * process of its own and a line "NAME: done", "NAME: error N" or "NAME: signal N" on standard error, which is the VMM's log.
 * "seat outside" makes the same tries where nothing holds it. What it cannot know, as another VM's disk, system.sh appends to the program's file: lines
 * "seat NAME VALUE". */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/if.h>
#include <linux/if_tun.h>

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

enum { TAIL = 4096, FILES = 64, CHILDREN = 200, CHUNK = 1 << 20, CHUNKS = 1024 };

static char tail[TAIL + 1];

/* A line "seat NAME VALUE" at the end of this program's file; the try ends where it misses. */
static const char *told(const char *name)
{
	static char value[256];
	char line[64];
	const char *at;

	snprintf(line, sizeof(line), "\nseat %s ", name);
	at = strstr(tail, line);
	if (!at || sscanf(at + strlen(line), "%255s", value) != 1)
		_exit(EBADMSG);
	return value;
}

static void read_tail(void)
{
	int fd = open("/proc/self/exe", O_RDONLY);
	off_t size = lseek(fd, 0, SEEK_END);
	ssize_t n = pread(fd, tail, TAIL, size - TAIL);

	for (ssize_t i = 0; i < n; i++)
		if (!tail[i])
			tail[i] = ' ';
	close(fd);
}

static int told_pid(void)
{
	return atoi(told("vmm"));
}

static int opens(const char *path, int flags)
{
	return open(path, flags, 0600);
}

static int connects(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	return fd < 0 ? fd : connect(fd, (struct sockaddr *)&a, sizeof(a));
}

static int others_disk(void) { return opens(told("disk"), O_RDWR); }
static int owners_file(void) { return opens(told("file"), O_RDONLY); }
static int state_folder(void) { return opens("/var/lib/banger", O_PATH); }
static int host_passwords(void) { return opens("/etc/shadow", O_RDONLY); }
static int kernel_knob(void) { return opens("/proc/sys/kernel/core_pattern", O_WRONLY); }
static int control_groups(void) { return opens("/sys/fs/cgroup", O_PATH); }
static int helpers_socket(void) { return connects("/run/banger-root/bangerd-root.sock"); }
static int daemons_socket(void) { return connects("/run/banger/bangerd.sock"); }
static int others_vsock(void) { return connects(told("vsock")); }

static int others_proc(const char *what, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", told_pid(), what);
	return opens(path, flags);
}

static int others_root(void) { return others_proc("root", O_PATH); }
static int others_memory(void) { return others_proc("mem", O_RDWR); }
static int others_descriptors(void) { return others_proc("fd", O_RDONLY); }

/* Up from each descriptor it was left. */
static int folders_left(void)
{
	int why = EBADF;

	for (int fd = 0; fd < FILES; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			continue;
		if (openat(fd, "..", O_PATH) >= 0)
			return 0;
		why = errno;
	}
	errno = why;
	return -1;
}

/* Anew, for writing, what it was given to read: the image, the kernel, its initrd and modules. */
static int write_what_it_reads(void)
{
	struct stat st;
	char path[32];
	int why = EBADF;

	for (int fd = 3; fd < FILES; fd++) {
		int flags = fcntl(fd, F_GETFL);

		/* Its configuration has no name, and is its own. */
		if (flags < 0 || (flags & O_ACCMODE) != O_RDONLY || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !st.st_nlink)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (open(path, O_RDWR) >= 0)
			return 0;
		why = errno;
	}
	errno = why;
	return -1;
}

static int inet(void) { return socket(AF_INET, SOCK_STREAM, 0); }
static int inet6(void) { return socket(AF_INET6, SOCK_DGRAM, 0); }
static int netlink(void) { return socket(AF_NETLINK, SOCK_RAW, 0); }
static int packet(void) { return socket(AF_PACKET, SOCK_RAW, 0); }
static int vsock(void) { return socket(AF_VSOCK, SOCK_STREAM, 0); }

static int tap(const char *name)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR);

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	return fd < 0 ? fd : ioctl(fd, TUNSETIFF, &r);
}

static int new_tap(void) { return tap("seat0"); }
static int others_tap(void) { return tap(told("tap")); }

static int signals_vmm(void) { return kill(told_pid(), 0); }
static int signals_owner(void) { return kill(atoi(told("owner")), 0); }
static int signals_init(void) { return kill(1, 0); }
static int traces(void) { return (int)ptrace(PTRACE_SEIZE, told_pid(), 0, 0); }

static int pidfd_signals(void)
{
	int fd = (int)syscall(SYS_pidfd_open, told_pid(), 0);

	return fd < 0 ? fd : (int)syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0);
}

static int takes_descriptor(void)
{
	int fd = (int)syscall(SYS_pidfd_open, told_pid(), 0);

	return fd < 0 ? fd : (int)syscall(SYS_pidfd_getfd, fd, 0, 0);
}

static int limits_other(void)
{
	struct rlimit r;

	return prlimit(told_pid(), RLIMIT_NOFILE, NULL, &r);
}

/* Even its own parent's memory, which has the same addresses. */
static int reads_memory(void)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { tail, 1 };

	return (int)syscall(SYS_process_vm_readv, getppid(), &here, 1UL, &there, 1UL, 0UL);
}

static int program_for_kernel(void)
{
	union bpf_attr a = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1 };

	return (int)syscall(SYS_bpf, BPF_MAP_CREATE, &a, sizeof(a));
}

static int becomes_root(void) { return setresuid(0, 0, 0); }
static int becomes_vm(void) { return setresuid((uid_t)strtoul(told("uid"), NULL, 10), (uid_t)-1, (uid_t)-1); }
static int takes_groups(void) { return setgroups(0, NULL); }
static int mounts(void) { return mount("none", "/run", "tmpfs", 0, NULL); }
static int unmounts(void) { return umount2("/proc", MNT_DETACH); }
static int changes_root(void) { return chroot("/run"); }
static int new_mounts(void) { return unshare(CLONE_NEWNS); }
static int new_user(void) { return unshare(CLONE_NEWUSER); }

static int others_namespace(void)
{
	int fd = (int)syscall(SYS_pidfd_open, told_pid(), 0);

	return fd < 0 ? fd : setns(fd, CLONE_NEWNS);
}

static int makes_device(void)
{
	return mknod("/run/seat", S_IFBLK | 0600, makedev(254, 0)) < 0 ? -1 : unlink("/run/seat");
}

static int writes_root(void)
{
	return opens("/seat", O_CREAT | O_WRONLY) < 0 ? -1 : unlink("/seat");
}

static int leaves_core(void)
{
	struct rlimit r = { RLIM_INFINITY, RLIM_INFINITY };

	return setrlimit(RLIMIT_CORE, &r);
}

static int many_processes(void)
{
	int n, why;

	setpgid(0, 0);
	signal(SIGTERM, SIG_DFL);
	for (n = 0; n < CHILDREN; n++) {
		pid_t pid = fork();

		if (pid == 0) {
			pause();
			_exit(0);
		}
		if (pid < 0)
			break;
	}
	why = errno;
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	while (wait(NULL) > 0)
		continue;
	errno = why;
	return n == CHILDREN ? 0 : -1;
}

static int much_memory(void)
{
	for (int i = 0; i < CHUNKS; i++) {
		char *p = malloc(CHUNK);

		if (!p)
			return -1;
		memset(p, i, CHUNK);
		__asm__ volatile("" : : "r"(p) : "memory");
	}
	return 0;
}

/* What it must be able to do, or no guest would run. */
static int own_kvm(void) { return opens("/dev/kvm", O_RDWR); }
static int own_hello(void) { return connects("/run/v.sock_42071"); }
static int own_tap(void) { return tap(told("own_tap")); }

static int own_disk(void)
{
	char path[32];

	for (int fd = 3; fd < FILES; fd++) {
		if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDWR || lseek(fd, 0, SEEK_END) < CHUNK)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		return open(path, O_RDWR);
	}
	errno = EBADF;
	return -1;
}

static int own_socket(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "/run/api.sock" };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	return bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? -1 : unlink(a.sun_path);
}

static int owners_socket(void) { return unlink("/run/v.sock_42071"); }

struct try {
	const char *name;
	int (*run)(void);
	bool inside; /* only there */
};

#define TRY(f) { #f, f, false }
#define OWN(f) { #f, f, true }
static const struct try tries[] = {
	TRY(others_disk), TRY(owners_file), TRY(state_folder), TRY(host_passwords), TRY(kernel_knob), TRY(control_groups), TRY(helpers_socket),
	TRY(daemons_socket), TRY(others_vsock), TRY(others_root), TRY(others_memory), TRY(others_descriptors), TRY(folders_left),
	TRY(write_what_it_reads), TRY(inet), TRY(inet6), TRY(netlink), TRY(packet), TRY(vsock), TRY(new_tap), TRY(others_tap), TRY(signals_vmm),
	TRY(signals_owner), TRY(signals_init), TRY(traces), TRY(pidfd_signals), TRY(takes_descriptor), TRY(limits_other), TRY(reads_memory),
	TRY(program_for_kernel), TRY(becomes_root), TRY(becomes_vm), TRY(takes_groups), TRY(mounts), TRY(unmounts), TRY(changes_root), TRY(new_mounts),
	TRY(new_user), TRY(others_namespace), TRY(makes_device), TRY(writes_root), TRY(leaves_core), TRY(many_processes), TRY(much_memory),
	OWN(own_kvm), OWN(own_hello), OWN(own_tap), OWN(own_disk), OWN(own_socket), OWN(owners_socket),
};

static void report(const struct try *t)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int rc = t->run();

		_exit(rc < 0 ? errno : 0);
	}
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		dprintf(2, "%s: signal %d\n", t->name, WTERMSIG(status));
	else if (WEXITSTATUS(status))
		dprintf(2, "%s: error %d\n", t->name, WEXITSTATUS(status));
	else
		dprintf(2, "%s: done\n", t->name);
}

/* Hides what it is called; what it leaves behind is in a session of its own. */
static void hide(char **argv)
{
	for (int i = 0; argv[i]; i++)
		memset(argv[i], 'x', strlen(argv[i]));
}

static void leave_behind(void)
{
	if (fork() != 0)
		return;
	setsid();
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	bool outside = argc == 2 && strcmp(argv[1], "outside") == 0;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("Firecracker v1.15.1");
		return 0;
	}
	read_tail();
	if (!outside) {
		hide(argv);
		leave_behind();
	}
	while (!outside && strstr(tail, "\nseat stays"))
		pause();
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
		if (!outside || !tries[i].inside)
			report(&tries[i]);
	dprintf(2, "end: done\n");
	return 0;
}
