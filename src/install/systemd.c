/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "install/install_internal.h"
#include "store/layout.h"

/* What runs of banger itself; its VMs have a unit that is not stopped with them. */
#define SERVICES "bangerd.service", "bangerd-root.service", "bangerd-root.socket"

enum { WORDS_MAX = 16, SYSTEMCTL_MS = 60000 };

bool systemd_runs(void)
{
	struct stat st;

	/* sd_booted(3) */
	return lstat("/run/systemd/system", &st) == 0 && S_ISDIR(st.st_mode);
}

static const char *program(void)
{
	return access("/usr/bin/systemctl", X_OK) == 0 ? "/usr/bin/systemctl" : "/bin/systemctl";
}

/* Runs it to its end; text is what it wrote to as_fd, cut where it is full. */
static MUST int ask(const char *const *args, int as_fd, char *text, size_t size, int *ret_status, struct err *e)
{
	char *argv[WORDS_MAX + 2] = { (char *)(uintptr_t) "systemctl" };
	int64_t deadline = time_now_ms() + SYSTEMCTL_MS;
	size_t n = 0;
	int ends[2];
	pid_t pid;

	for (size_t i = 0; args[i] && i < WORDS_MAX; i++)
		argv[i + 1] = (char *)(uintptr_t)args[i];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	AUTO_FD int out = ends[0], in = ends[1];
	struct proc_fd fds[] = { { in, as_fd } };
	struct proc_spawn how = { .path = program(), .argv = argv, .fds = fds, .n_fds = 1 };
	if (proc_start(&how, &pid, NULL, e) < 0)
		return err_wrap(e, "run systemctl");
	close(TAKE_FD(in));
	for (ssize_t got = 1; got > 0;) {
		char rest[256];

		if (fd_wait(out, POLLIN, deadline, e) < 0) {
			kill(pid, SIGKILL);
			waitpid(pid, ret_status, 0);
			return err_wrap(e, "systemctl %s", args[0]);
		}
		got = n + 1 < size ? read(out, text + n, size - 1 - n) : read(out, rest, sizeof(rest));
		if (got > 0 && n + 1 < size)
			n += (size_t)got;
	}
	text[n] = 0;
	return proc_wait(pid, deadline, ret_status, e);
}

int systemctl(const char *const *args, struct err *e)
{
	char said[300], how[64];
	int status;

	if (ask(args, 2, said, sizeof(said), &status, e) < 0)
		return -1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	said[strcspn(said, "\n")] = 0;
	err_set(e, ERR_UNAVAILABLE, "systemctl %s %s: %s", args[0], args[1] ? args[1] : "", *said ? said : proc_status_text(status, how));
	return err_hint(e, "journalctl -u bangerd -u bangerd-root has more");
}

int systemd_end_all(struct err *e)
{
	static const char *const args[] = { "disable", "--now", SERVICES, "banger-vms.service", NULL };

	return access(LAYOUT_UNITS "/bangerd.service", F_OK) == 0 ? systemctl(args, e) : 0;
}

int systemd_stop(struct err *e)
{
	static const char *const args[] = { "stop", SERVICES, NULL };

	return systemctl(args, e);
}

void systemd_forget_failures(void)
{
	static const char *const args[] = { "reset-failed", SERVICES, NULL };
	struct err ignored = { 0 }; /* units that never ran, or are gone, have nothing to forget */

	(void)!systemctl(args, &ignored);
}

static MUST int ask_word(const char *question, const char *unit, char out[static 32], struct err *e)
{
	const char *const args[] = { question, unit, NULL };
	int status;

	/* Its exit status only repeats the word. */
	if (ask(args, 1, out, 32, &status, e) < 0)
		return -1;
	out[strcspn(out, "\n")] = 0;
	return 0;
}

int install_unit_state(const char *unit, char out[static 32], struct err *e)
{
	return ask_word("is-active", unit, out, e);
}

int install_unit_enabled(const char *unit, char out[static 32], struct err *e)
{
	return ask_word("is-enabled", unit, out, e);
}
