/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the profiles let through and what not, each tried in a child of its own. What is let through depends on the C library, so this is a program
 * without cmocka that the musl tree runs too. TAP on standard output. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "ext4/fs.h"
#include "sandbox/caps.h"
#include "sandbox/landlock.h"
#include "sandbox/sandbox.h"

enum { KILLED = -1 };

/* 0 is good; anything else is where it went wrong. */
struct check {
	const char *name;
	int (*run)(void);
	enum { WORKER, HELPER, LAUNCHER, VMM, LANDLOCK } how;
	int want; /* exit status, or KILLED by the filter */
};

static char folder[] = "/tmp/banger-confine-XXXXXX";
static char inside[64], outside[64], read_only[64];
static int open_fd; /* of a file outside, from before */

static void confine(int how)
{
	int pipes[2];

	if (pipe(pipes) < 0)
		_exit(96);
	const struct landlock_rule rules[] = { { .path = inside, .write = true }, { .path = read_only }, { .path = "/proc/self/exe" }, { .fd = pipes[0] } };
	struct seccomp_program program;
	struct err e = { 0 };
	int version = 0;

	if (how == WORKER && sandbox_worker(rules, ARRAY_LEN(rules), &version, &e) < 0)
		_exit(99);
	if (how == LANDLOCK && landlock_restrict(rules, ARRAY_LEN(rules), &version, &e) < 0)
		_exit(98);
	sandbox_vmm_prepare(&program);
	if ((how == VMM && sandbox_vmm_enter(&program) < 0) || (how == HELPER && sandbox_helper(&e) < 0) ||
	    (how == LAUNCHER && sandbox_launcher(true, &e) < 0))
		_exit(97);
}

static const char *name_in(const char *dir, const char *name)
{
	static char path[4][128];
	static unsigned turn;
	char *p = path[turn++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static int works_with_files(void)
{
	char buf[4] = "";
	struct stat st;
	int fd = open(name_in(inside, "a"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, "abc", 3) != 3 || pread(fd, buf, 3, 0) != 3 || memcmp(buf, "abc", 3) != 0)
		return 1;
	if (ftruncate(fd, 1 << 20) < 0 || fsync(fd) < 0 || fchmod(fd, 0640) < 0 || fstat(fd, &st) < 0 || st.st_size != 1 << 20)
		return 2;
	if (mkdir(name_in(inside, "d"), 0700) < 0 || rename(name_in(inside, "a"), name_in(inside, "d/b")) < 0)
		return 3;
	if (symlink("b", name_in(inside, "d/l")) < 0 || access(name_in(inside, "d/l"), R_OK) < 0)
		return 4;
	if (unlink(name_in(inside, "d/l")) < 0 || unlink(name_in(inside, "d/b")) < 0 || rmdir(name_in(inside, "d")) < 0)
		return 5;
	if (pread(open_fd, buf, 3, 0) != 3 || memcmp(buf, "out", 3) != 0)
		return 6;
	return open(read_only, O_RDONLY | O_CLOEXEC) < 0 ? 7 : 0;
}

static void *allocate(void *arg)
{
	unsigned seed = 1;
	char *p[64] = { NULL };

	for (int i = 0; i < 4000; i++) { /* small and large: brk, mmap, mremap, madvise */
		seed = seed * 1103515245 + 12345;
		size_t n = seed >> 8 & 63, size = (seed >> 16 & 1 ? 100 : 300000) + (seed & 4095);
		p[n] = realloc(p[n], size);
		if (!p[n])
			_exit(20);
		memset(p[n], 1, size);
	}
	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		free(p[i]);
	return arg;
}

static int works_with_threads(void)
{
	pthread_t t[2];

	for (int i = 0; i < 2; i++)
		if (pthread_create(&t[i], NULL, allocate, NULL) != 0)
			return 1;
	for (int i = 0; i < 2; i++)
		if (pthread_join(t[i], NULL) != 0)
			return 2;
	return 0;
}

static int works_with_sockets(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fds[2], s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd p = { .events = POLLIN };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", name_in(inside, "s"));
	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(s, 1) < 0)
		return 1;
	int c = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c < 0 || connect(c, (struct sockaddr *)&a, sizeof(a)) < 0 || send(c, "x", 1, MSG_NOSIGNAL) != 1)
		return 2;
	p.fd = accept(s, NULL, NULL);
	if (p.fd < 0 || poll(&p, 1, 1000) != 1 || unlink(a.sun_path) < 0)
		return 3;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ? 4 : 0;
}

static int makes_and_checks_an_image(void)
{
	const struct ext4_mkfs how = { .bytes = 16 << 20, .label = "x" };
	enum ext4_health health;
	struct err e = { 0 };
	const char *path = name_in(inside, "image");

	if (ext4_mkfs(path, &how, &e) < 0 || ext4_check(path, &health, NULL, &e) < 0) {
		fprintf(stderr, "# %s\n", e.msg);
		return 1;
	}
	return unlink(path) < 0 || health != EXT4_CLEAN;
}

static int prints(void)
{
	FILE *f = fopen(name_in(inside, "p"), "w");

	return !f || fprintf(f, "%s %d %.3f\n", "text", 1, 1.5) < 0 || fclose(f) != 0 || unlink(name_in(inside, "p")) < 0;
}

static int is_refused_inet(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 || errno != EAFNOSUPPORT;
}

static int is_refused_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) >= 0 || errno != EAFNOSUPPORT;
}

static int is_refused_exec(void)
{
	execl("/bin/true", "true", (char *)NULL);
	return errno != EPERM && errno != EACCES;
}

static int is_refused_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p != MAP_FAILED || errno != EACCES)
		return 1;
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED || mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0 || errno != EACCES;
}

static int is_refused_signals(void)
{
	return kill(getppid(), SIGTERM) == 0 || errno != EPERM;
}

static int is_refused_namespaces(void)
{
	if (syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0) != -1 || errno != EPERM)
		return 1;
	return syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS;
}

static int is_refused_mounts(void)
{
	return mount("none", inside, "tmpfs", 0, NULL) == 0 || (errno != ENOSYS && errno != EPERM);
}

static int tries_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static int tries_x32(void)
{
	return syscall(0x40000000 + SYS_getpid) > 0;
}

static int stays_in_its_folders(void)
{
	int version = landlock_version();

	if (version == 0) {
		printf("# this kernel has no landlock\n");
		return 0;
	}
	if (open(outside, O_RDONLY | O_CLOEXEC) >= 0 || errno != EACCES)
		return 1;
	if (open(read_only, O_WRONLY | O_CLOEXEC) >= 0 || errno != EACCES)
		return 2;
	if (open(name_in(inside, "../new"), O_RDWR | O_CREAT | O_CLOEXEC, 0600) >= 0 || errno != EACCES)
		return 3;
	if (version >= 2 && (link(outside, name_in(inside, "l")) == 0 || (errno != EACCES && errno != EXDEV)))
		return 4;
	return version >= 3 && (truncate(outside, 0) == 0 || errno != EACCES) ? 5 : 0;
}

static void *waits(void *arg)
{
	char c;

	if (read(*(int *)arg, &c, 1) != 1)
		return NULL;
	return socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EAFNOSUPPORT ? arg : NULL;
}

/* A thread that was there before is confined too. */
static int confines_all_threads(void)
{
	int fds[2];
	pthread_t t;
	void *result;

	if (pipe(fds) < 0 || pthread_create(&t, NULL, waits, &fds[0]) != 0)
		return 1;
	confine(WORKER);
	if (write(fds[1], "x", 1) != 1 || pthread_join(t, &result) != 0)
		return 2;
	return result == NULL;
}

static int launches(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
		_exit(1);
	}
	return waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 7;
}

/* Root's exec does not bring capabilities back. */
static int keeps_no_rights(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "grep -q '^CapEff:.*0000000000000002$' /proc/self/status && ! chown 1 /proc/self/exe 2>/dev/null", (char *)NULL);
		_exit(1);
	}
	return waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static int keeps_just(uint64_t caps)
{
	struct caps c;
	struct err e = { 0 };

	return caps_read(&c, &e) < 0 || c.effective != caps || c.bounding != c.effective || c.inheritable || c.ambient;
}

static int keeps_the_helpers_rights(void)
{
	return keeps_just(caps_of(caps_helper));
}

static int keeps_the_launchers_rights(void)
{
	return keeps_just(caps_of(caps_launcher) | caps_of(caps_jail));
}

static int has_helper_sockets(void)
{
	if (socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 || socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) < 0)
		return 1;
	return is_refused_inet();
}

static const struct check checks[] = {
	{ "worker: files", works_with_files, WORKER, 0 },
	{ "worker: threads and memory", works_with_threads, WORKER, 0 },
	{ "worker: unix sockets", works_with_sockets, WORKER, 0 },
	{ "worker: an ext4 image, checked in a child", makes_and_checks_an_image, WORKER, 0 },
	{ "worker: stdio", prints, WORKER, 0 },
	{ "worker: no internet", is_refused_inet, WORKER, 0 },
	{ "worker: no netlink", is_refused_netlink, WORKER, 0 },
	{ "worker: executes nothing", is_refused_exec, WORKER, 0 },
	{ "worker: no new code", is_refused_code, WORKER, 0 },
	{ "worker: no signals to others", is_refused_signals, WORKER, 0 },
	{ "worker: no namespaces", is_refused_namespaces, WORKER, 0 },
	{ "worker: no mounts", is_refused_mounts, WORKER, 0 },
	{ "worker: ptrace ends it", tries_ptrace, WORKER, KILLED },
	{ "worker: x32 calls end it", tries_x32, WORKER, KILLED },
	{ "worker: stays in its folders", stays_in_its_folders, WORKER, 0 },
	{ "worker: all threads", confines_all_threads, LANDLOCK, 0 },
	{ "landlock alone: files", works_with_files, LANDLOCK, 0 },
	{ "landlock alone: stays in its folders", stays_in_its_folders, LANDLOCK, 0 },
	{ "landlock alone: executes nothing", is_refused_exec, LANDLOCK, 0 },
	{ "helper: sockets", has_helper_sockets, HELPER, 0 },
	{ "helper: executes nothing", is_refused_exec, HELPER, 0 },
	{ "helper: no mounts", is_refused_mounts, HELPER, 0 },
	{ "helper: capabilities", keeps_the_helpers_rights, HELPER, 0 },
	{ "helper: no user namespaces", is_refused_namespaces, HELPER, 0 },
	{ "helper: ptrace ends it", tries_ptrace, HELPER, KILLED },
	{ "launcher: launches", launches, LAUNCHER, 0 },
	{ "launcher: capabilities", keeps_the_launchers_rights, LAUNCHER, 0 },
	{ "launcher: no internet", is_refused_inet, LAUNCHER, 0 },
	{ "launcher: no netlink", is_refused_netlink, LAUNCHER, 0 },
	{ "launcher: no user namespaces", is_refused_namespaces, LAUNCHER, 0 },
	{ "launcher: ptrace ends it", tries_ptrace, LAUNCHER, KILLED },
	{ "VMM: no internet", is_refused_inet, VMM, 0 },
	{ "VMM: no netlink", is_refused_netlink, VMM, 0 },
	{ "VMM: unix sockets", works_with_sockets, VMM, 0 },
	{ "VMM: executes", launches, VMM, 0 },
	{ "VMM: no capabilities as root", keeps_no_rights, VMM, 0 },
	{ "VMM: threads and memory", works_with_threads, VMM, 0 },
	{ "VMM: no mounts", is_refused_mounts, VMM, 0 },
	{ "VMM: x32 calls end it", tries_x32, VMM, KILLED },
};

static bool run(const struct check *c)
{
	int status;
	fflush(stdout);
	pid_t pid = fork();

	if (pid == 0) {
		if (c->run != confines_all_threads)
			confine(c->how);
		_exit(c->run());
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	int got = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status) == SIGSYS ? KILLED : -1000 - WTERMSIG(status);
	if (got != c->want)
		printf("# %s: %d instead of %d\n", c->name, got, c->want);
	return got == c->want;
}

static bool prepare(void)
{
	if (!mkdtemp(folder))
		return false;
	snprintf(inside, sizeof(inside), "%s/in", folder);
	snprintf(outside, sizeof(outside), "%s/out", folder);
	snprintf(read_only, sizeof(read_only), "%s/ro", folder);
	open_fd = open(outside, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int ro = open(read_only, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return mkdir(inside, 0700) == 0 && open_fd >= 0 && write(open_fd, "out", 3) == 3 && ro >= 0 && close(ro) == 0;
}

int main(void)
{
	int failed = 0;

	printf("1..%zu\n# landlock %d\n", ARRAY_LEN(checks), landlock_version());
	if (!prepare()) {
		printf("Bail out! %s\n", strerror(errno));
		return 1;
	}
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		if (!sandbox_available()) {
			printf("ok %zu - %s # SKIP sanitizers need calls of their own\n", i + 1, checks[i].name);
			continue;
		}
		if (geteuid() != 0 && strstr(checks[i].name, "capabilities")) {
			printf("ok %zu - %s # SKIP only root has any to give up\n", i + 1, checks[i].name);
			continue;
		}
		bool good = run(&checks[i]);
		printf("%s %zu - %s\n", good ? "ok" : "not ok", i + 1, checks[i].name);
		failed += !good;
	}
	/* Children that failed may have left names behind, so not all of this must succeed. */
	unlink(outside);
	unlink(read_only);
	rmdir(inside);
	return rmdir(folder) < 0 || failed ? 1 : 0;
}
