/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may make which system call, each line with its reason. x86-64 Linux. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <linux/fiemap.h>
#include <linux/fs.h>

#include "base/auto.h"
#include "sandbox/seccomp_internal.h"

/* Not in musl 1.2.3's list. */
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_mseal
#define SYS_mseal 462
#endif
#ifndef FICLONE
#define FICLONE _IOW(0x94, 9, int)
#endif

#define ALLOW(name) { SYS_##name, SECCOMP_RET_ALLOW, -1, 0, 0 }
#define ALLOW_IF(name, arg, mask, value) { SYS_##name, SECCOMP_RET_ALLOW, arg, mask, value }
#define FAIL(name, error) { SYS_##name, SECCOMP_RET_ERRNO | (error), -1, 0, 0 }
#define END(name) { SYS_##name, SECCOMP_RET_KILL_PROCESS, -1, 0, 0 }
#define NO_MOUNTS                                                                                                                                  \
	FAIL(mount, EPERM), FAIL(umount2, EPERM), FAIL(pivot_root, EPERM), FAIL(chroot, EPERM), FAIL(setns, EPERM), FAIL(unshare, EPERM),          \
		FAIL(open_tree, EPERM), FAIL(move_mount, EPERM), FAIL(fsopen, EPERM), FAIL(fsconfig, EPERM), FAIL(fsmount, EPERM),                 \
		FAIL(fspick, EPERM), FAIL(mount_setattr, EPERM)
/* Every flag of clone that makes a namespace; CLONE_NEWTIME's bit is of the signal there. */
#define CLONE_NEW (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#define INT_MASK 0xffffffffu /* of an int argument */

static const struct seccomp_rule worker[] = {
	/* Reading and writing what is open: images, archives, sockets, the log. */
	ALLOW(read), ALLOW(write), ALLOW(readv), ALLOW(writev), ALLOW(pread64), ALLOW(pwrite64), ALLOW(preadv), ALLOW(pwritev), ALLOW(lseek),
	/* Copies in the kernel, sparse ones too; preallocation and sizes of images. */
	ALLOW(copy_file_range), ALLOW(sendfile), ALLOW(splice), ALLOW(fallocate), ALLOW(ftruncate), ALLOW(truncate), ALLOW(fadvise64),
	/* On disk before the daemon is told so. */
	ALLOW(fsync), ALLOW(fdatasync), ALLOW(sync_file_range), ALLOW(syncfs),
	/* Descriptors. */
	ALLOW(close), ALLOW(close_range), ALLOW(dup), ALLOW(dup2), ALLOW(dup3), ALLOW(fcntl), ALLOW(flock), ALLOW(pipe2), ALLOW(memfd_create),
	/* Names beneath the folders that landlock leaves; musl calls the old forms. */
	ALLOW(open), ALLOW(openat), ALLOW(openat2), ALLOW(access), ALLOW(faccessat), ALLOW(faccessat2), ALLOW(readlink), ALLOW(readlinkat),
	ALLOW(stat), ALLOW(lstat), ALLOW(fstat), ALLOW(newfstatat), ALLOW(statx), ALLOW(statfs), ALLOW(fstatfs), ALLOW(getdents64), ALLOW(getcwd),
	ALLOW(mkdir), ALLOW(mkdirat), ALLOW(rmdir), ALLOW(unlink), ALLOW(unlinkat), ALLOW(rename), ALLOW(renameat), ALLOW(renameat2),
	ALLOW(link), ALLOW(linkat), ALLOW(symlink), ALLOW(symlinkat), ALLOW(utimensat), ALLOW(umask), ALLOW(chdir), ALLOW(fchdir),
	/* Disks become the VMM's to open: 0660, 0640 (design §3). */
	ALLOW(chmod), ALLOW(fchmod), ALLOW(fchmodat), ALLOW(fchmodat2), ALLOW(chown), ALLOW(fchown), ALLOW(fchownat),
	/* reflink, extents and block sizes of files; is this a terminal (stdio asks). */
	ALLOW_IF(ioctl, 1, INT_MASK, FICLONE), ALLOW_IF(ioctl, 1, INT_MASK, FS_IOC_FIEMAP), ALLOW_IF(ioctl, 1, INT_MASK, FIGETBSZ),
	ALLOW_IF(ioctl, 1, INT_MASK, TCGETS), ALLOW_IF(ioctl, 1, INT_MASK, TIOCGWINSZ), ALLOW_IF(ioctl, 1, INT_MASK, FIONBIO),
	FAIL(ioctl, ENOTTY),
	/* Daemon, helper, VMM and agent are unix sockets; nobody else is spoken to. */
	ALLOW_IF(socket, 0, INT_MASK, AF_UNIX), FAIL(socket, EAFNOSUPPORT), ALLOW_IF(socketpair, 0, INT_MASK, AF_UNIX), FAIL(socketpair, EAFNOSUPPORT),
	ALLOW(connect), ALLOW(bind), ALLOW(listen), ALLOW(accept), ALLOW(accept4), ALLOW(sendto), ALLOW(recvfrom), ALLOW(sendmsg), ALLOW(recvmsg),
	ALLOW(shutdown), ALLOW(getsockopt), ALLOW(setsockopt), ALLOW(getsockname), ALLOW(getpeername),
	/* Waiting, with deadlines. */
	ALLOW(poll), ALLOW(ppoll), ALLOW(select), ALLOW(pselect6), ALLOW(epoll_create1), ALLOW(epoll_ctl), ALLOW(epoll_wait), ALLOW(epoll_pwait),
	ALLOW(eventfd2), ALLOW(timerfd_create), ALLOW(timerfd_settime), ALLOW(signalfd4), ALLOW(pause), ALLOW(inotify_init1), ALLOW(inotify_add_watch),
	ALLOW(clock_gettime), ALLOW(clock_getres), ALLOW(clock_nanosleep), ALLOW(nanosleep), ALLOW(gettimeofday), ALLOW(time), ALLOW(alarm), ALLOW(setitimer),
	/* Memory: data only, code stays as it was linked. */
	ALLOW_IF(mmap, 2, PROT_EXEC, 0), FAIL(mmap, EACCES), ALLOW_IF(mprotect, 2, PROT_EXEC, 0), FAIL(mprotect, EACCES),
	ALLOW(munmap), ALLOW(mremap), ALLOW(madvise), ALLOW(brk), ALLOW(msync), ALLOW(mincore), ALLOW(mseal),
	/* A second decoding thread, and a child for e2fsck, which exits and keeps state; in no new namespace, executing nothing. The C libraries fall
	 * back from clone3, whose flags lie in memory. */
	FAIL(clone3, ENOSYS), ALLOW_IF(clone, 0, CLONE_NEW, 0), FAIL(clone, EPERM), ALLOW(fork), FAIL(vfork, EPERM), FAIL(execve, EPERM), FAIL(execveat, EPERM),
	ALLOW(futex), ALLOW(set_robust_list), ALLOW(get_robust_list), ALLOW(set_tid_address), ALLOW(sched_yield), ALLOW(sched_getaffinity),
	ALLOW(rseq), ALLOW(membarrier), ALLOW(arch_prctl), ALLOW_IF(prctl, 0, INT_MASK, PR_SET_NAME), ALLOW_IF(prctl, 0, INT_MASK, PR_SET_PDEATHSIG),
	ALLOW_IF(prctl, 0, INT_MASK, PR_GET_NAME), FAIL(prctl, EINVAL), ALLOW(getcpu), ALLOW(sched_getparam), ALLOW(sched_getscheduler),
	/* Signals to itself (cancel, abort), the end. */
	ALLOW(rt_sigaction), ALLOW(rt_sigprocmask), ALLOW(rt_sigreturn), ALLOW(rt_sigtimedwait), ALLOW(rt_sigsuspend), ALLOW(sigaltstack),
	ALLOW(rt_sigpending), ALLOW(restart_syscall), ALLOW(tgkill), ALLOW(tkill), ALLOW(exit), ALLOW(exit_group),
	/* Ending that child; is another process still there? (Landlock keeps signals from others from version 6 on.) */
	ALLOW_IF(kill, 1, INT_MASK, SIGKILL), ALLOW_IF(kill, 1, INT_MASK, 0), FAIL(kill, EPERM), ALLOW(pidfd_open), ALLOW_IF(pidfd_send_signal, 1, INT_MASK, 0),
	FAIL(pidfd_send_signal, EPERM), ALLOW(wait4), ALLOW(waitid),
	/* Who am I, how large is the machine, random numbers. */
	ALLOW(getpid), ALLOW(gettid), ALLOW(getppid), ALLOW(getuid), ALLOW(geteuid), ALLOW(getgid), ALLOW(getegid), ALLOW(getgroups), ALLOW(getpgrp),
	ALLOW(uname), ALLOW(sysinfo), ALLOW(getrusage), ALLOW(getrlimit), ALLOW_IF(prlimit64, 2, UINT64_MAX, 0), FAIL(prlimit64, EPERM), ALLOW(getrandom),
	ALLOW(times), ALLOW(getpriority),
	/* Archives bring extended attributes into images, but host files have none of theirs. */
	FAIL(getxattr, ENOTSUP), FAIL(lgetxattr, ENOTSUP), FAIL(fgetxattr, ENOTSUP), FAIL(listxattr, ENOTSUP), FAIL(llistxattr, ENOTSUP), FAIL(flistxattr, ENOTSUP),
	FAIL(setxattr, ENOTSUP), FAIL(lsetxattr, ENOTSUP), FAIL(fsetxattr, ENOTSUP), FAIL(mknod, EPERM), FAIL(mknodat, EPERM),
};

/* The kernel's attack surface, and power over the machine, that nothing we run has an honest use for. */
static const struct seccomp_rule nobody[] = {
	/* Looking into other processes. */
	END(ptrace), END(process_vm_readv), END(process_vm_writev), FAIL(kcmp, EPERM), FAIL(pidfd_getfd, EPERM), FAIL(process_madvise, EPERM),
	/* Code for the kernel. */
	END(bpf), END(init_module), END(finit_module), END(delete_module), END(kexec_load), END(kexec_file_load),
	/* Kernel interfaces with a history of holes. */
	FAIL(perf_event_open, EPERM), FAIL(add_key, EPERM), FAIL(request_key, EPERM), FAIL(keyctl, EPERM), FAIL(fanotify_init, EPERM),
	FAIL(name_to_handle_at, EPERM), END(open_by_handle_at), FAIL(lookup_dcookie, EPERM), FAIL(quotactl, EPERM), FAIL(modify_ldt, EPERM),
	FAIL(personality, EPERM), FAIL(vmsplice, EPERM), FAIL(move_pages, EPERM), FAIL(migrate_pages, EPERM),
	/* The machine as a whole: power, clock, swap, accounting, ports, name. */
	END(reboot), FAIL(settimeofday, EPERM), FAIL(clock_settime, EPERM), FAIL(adjtimex, EPERM), FAIL(clock_adjtime, EPERM), FAIL(swapon, EPERM),
	FAIL(swapoff, EPERM), FAIL(acct, EPERM), FAIL(iopl, EPERM), FAIL(ioperm, EPERM), FAIL(sethostname, EPERM), FAIL(setdomainname, EPERM),
	FAIL(syslog, EPERM), FAIL(vhangup, EPERM), FAIL(nfsservctl, ENOSYS),
	/* Namespaces by which a user gets rights over kernel parts; clone3's flags cannot be seen, so it is not there. */
	FAIL(clone3, ENOSYS), { SYS_clone, SECCOMP_RET_ERRNO | EPERM, 0, CLONE_NEWUSER, CLONE_NEWUSER },
	{ SYS_unshare, SECCOMP_RET_ERRNO | EPERM, 0, CLONE_NEWUSER, CLONE_NEWUSER },
};

static const struct seccomp_rule helper_only[] = {
	/* Unix sockets for callers and VMMs, netlink for bridge, taps and rules. */
	ALLOW_IF(socket, 0, INT_MASK, AF_UNIX), ALLOW_IF(socket, 0, INT_MASK, AF_NETLINK), FAIL(socket, EAFNOSUPPORT),
	/* Its launcher executes, makes devices and mounts. */
	FAIL(execve, EPERM), FAIL(execveat, EPERM), FAIL(mknod, EPERM), FAIL(mknodat, EPERM), NO_MOUNTS,
};

static const struct seccomp_rule launcher_only[] = {
	/* Unix sockets for vsock devices; networks are the helper's. */
	ALLOW_IF(socket, 0, INT_MASK, AF_UNIX), FAIL(socket, EAFNOSUPPORT),
};

static const struct seccomp_rule vmm_only[] = {
	/* Its disks, tap and KVM come as descriptors or by name; the network is the tap's, never the host's. */
	ALLOW_IF(socket, 0, INT_MASK, AF_UNIX), FAIL(socket, EAFNOSUPPORT),
	/* Its root, mounts and namespaces are made for it before this. */
	NO_MOUNTS,
};

static const struct seccomp_list lists[] = {
	/* First, so that what ends a process is not merely refused; then what is allowed. ENOSYS is what libraries have fallbacks for. */
	[SECCOMP_WORKER] = { { { nobody, ARRAY_LEN(nobody) }, { worker, ARRAY_LEN(worker) } }, SECCOMP_RET_ERRNO | ENOSYS },
	[SECCOMP_HELPER] = { { { nobody, ARRAY_LEN(nobody) }, { helper_only, ARRAY_LEN(helper_only) } }, SECCOMP_RET_ALLOW },
	[SECCOMP_LAUNCHER] = { { { nobody, ARRAY_LEN(nobody) }, { launcher_only, ARRAY_LEN(launcher_only) } }, SECCOMP_RET_ALLOW },
	[SECCOMP_VMM] = { { { nobody, ARRAY_LEN(nobody) }, { vmm_only, ARRAY_LEN(vmm_only) } }, SECCOMP_RET_ALLOW },
};

const struct seccomp_list *seccomp_list_of(enum seccomp_profile profile)
{
	return &lists[profile];
}
