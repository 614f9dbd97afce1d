/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/versions.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"

enum { ASK_MS = 2000, ANSWER_MAX = 4096, NUMBER_MAX = 9999 };

/* From and to are included; the first row that fits is what is said. */
static const struct {
	struct vmm_version from, to;
	enum vmm_verdict verdict;
	bool acpi_only; /* only for kernels that find their devices by ACPI */
	const char *why;
} table[] = {
	{ { 0, 0, 0 }, { 1, 4, NUMBER_MAX }, VMM_REFUSE, false, "Firecracker before " VMM_FIRECRACKER_MIN " is not supported" },
	{ { 1, 5, 0 }, { 1, 7, NUMBER_MAX }, VMM_REFUSE, true, "this kernel finds its devices by ACPI, which Firecracker has from 1.8 on" },
	{ { 1, 14, 2 }, { 1, 14, 3 }, VMM_WARN, false, "its monotonic clock jumps after a restore; 1.14.4 does not" },
	{ { 1, 15, 0 }, { 1, 15, 0 }, VMM_WARN, false, "its monotonic clock jumps after a restore; 1.15.1 does not" },
	{ { 1, 16, 0 }, { 1, 16, 0 }, VMM_WARN, false, "guests' vsock connections can time out and it can spin; 1.15.1 is known to be good" },
	{ { 1, 16, 1 }, { 1, 16, 1 }, VMM_WARN, false, "vsock is unsafe across pause and it can spin; 1.15.1 is known to be good" },
	{ { 1, 17, 0 }, { NUMBER_MAX, 0, 0 }, VMM_WARN, false, "newer than any that banger was tested with" },
};

int vmm_version_parse(const char *text, struct vmm_version *ret, struct err *e)
{
	const char *at = strstr(text, "Firecracker v");
	struct vmm_version v;

	if (!at || sscanf(at, "Firecracker v%4d.%4d.%4d", &v.major, &v.minor, &v.patch) != 3 || v.major < 0 || v.minor < 0 || v.patch < 0)
		return err_set(e, ERR_CORRUPT, "no version in '%.60s'", text);
	*ret = v;
	return 0;
}

int vmm_version_compare(struct vmm_version a, struct vmm_version b)
{
	if (a.major != b.major)
		return a.major - b.major;
	return a.minor != b.minor ? a.minor - b.minor : a.patch - b.patch;
}

/* Distributions build virtio-mmio without devices on the kernel line. Theirs are told by their flavours; a kernel made for Firecracker has none. */
static bool needs_acpi(const char *release)
{
	static const char *const flavours[] = { "-amd64", "-generic", "-cloud", "-default", "-virtual", "-kvm", "-aws", "-lts", "-zen", "-arch", ".x86_64" };

	for (size_t i = 0; release && i < ARRAY_LEN(flavours); i++)
		if (strstr(release, flavours[i]))
			return true;
	return false;
}

enum vmm_verdict vmm_version_judge(struct vmm_version v, const char *kernel_release, const char **ret_why)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (vmm_version_compare(v, table[i].from) < 0 || vmm_version_compare(v, table[i].to) > 0)
			continue;
		if (table[i].acpi_only && !needs_acpi(kernel_release))
			continue;
		*ret_why = table[i].why;
		return table[i].verdict;
	}
	return VMM_GOOD;
}

bool vmm_version_has_reporting(struct vmm_version v)
{
	return vmm_version_compare(v, (struct vmm_version){ 1, 14, 0 }) >= 0;
}

/* Reads until the end, a full buffer or the deadline. */
static MUST int read_answer(int fd, int64_t deadline_ms, char out[static ANSWER_MAX + 1], struct err *e)
{
	size_t n = 0;
	ssize_t got = 1;

	while (n < ANSWER_MAX && got > 0) {
		if (fd_wait(fd, POLLIN, deadline_ms, e) < 0)
			return -1;
		got = read(fd, out + n, ANSWER_MAX - n);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			n += (size_t)got;
	}
	out[n] = 0;
	return 0;
}

int vmm_version_ask(const char *bin, struct vmm_version *ret, struct err *e)
{
	char *argv[] = { (char *)(uintptr_t)bin, (char *)(uintptr_t) "--version", NULL };
	int64_t deadline = time_now_ms() + ASK_MS;
	char text[ANSWER_MAX + 1] = "";
	struct err waited = { 0 };
	int ends[2], status, r;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	AUTO_FD int out = ends[0], in = ends[1];
	struct proc_fd fds[] = { { in, 1 } };
	struct proc_spawn how = { .path = bin, .argv = argv, .fds = fds, .n_fds = 1, .die_with_parent = true };
	if (proc_start(&how, &pid, NULL, e) < 0)
		return err_wrap(e, "ask '%s' for its version", bin);
	close(TAKE_FD(in));
	r = read_answer(out, deadline, text, e);
	if (proc_wait(pid, deadline, &status, &waited) < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	if (r < 0 || vmm_version_parse(text, ret, e) < 0)
		return err_wrap(e, "ask '%s' for its version", bin);
	return 0;
}
