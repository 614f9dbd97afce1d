/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "install/install.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "install/install_internal.h"
#include "store/layout.h"

enum { BINARY_MAX = 64 << 20 };

#define BINARY LAYOUT_BIN "/banger"

const char *const install_paths[] = {
	BINARY,
	LAYOUT_BIN "/bangerd",
	LAYOUT_BIN "/bangerd-root",
	LAYOUT_UNITS "/bangerd.service",
	LAYOUT_UNITS "/bangerd-root.service",
	LAYOUT_UNITS "/bangerd-root.socket",
	LAYOUT_UNITS "/banger-vms.service",
	LAYOUT_TMPFILES "/banger.conf",
	LAYOUT_SHARE "/bash-completion/completions/banger",
	LAYOUT_SHARE "/zsh/site-functions/_banger",
	LAYOUT_SHARE "/fish/vendor_completions.d/banger.fish",
	LAYOUT_SHARE "/man/man1/banger.1",
	LAYOUT_INSTALL,
	NULL,
};
const char *const install_units[] = { "bangerd-root.socket", "bangerd-root.service", "bangerd.service", "banger-vms.service", NULL };

static MUST int write_binary(struct files *f, struct err *e)
{
	AUTO_MEM char *data = NULL;
	size_t n;

	if (fd_read_file(AT_FDCWD, "/proc/self/exe", BINARY_MAX, &data, &n, e) < 0 || put_dir(f, LAYOUT_BIN, 0755, e) < 0 ||
	    put_write(f, BINARY, data, n, 0755, e) < 0)
		return -1;
	return put_link(f, LAYOUT_BIN "/bangerd", "banger", e) < 0 ? -1 : put_link(f, LAYOUT_BIN "/bangerd-root", "banger", e);
}

static MUST int write_text(struct files *f, const char *path, const char *text, struct err *e)
{
	AUTO_MEM char *dir = path_dirname(path);

	return put_dir(f, dir, 0755, e) < 0 ? -1 : put_write(f, path, text, strlen(text), 0644, e);
}

static MUST int write_units(struct files *f, const struct installed *i, struct err *e)
{
	for (const struct install_unit_file *u = install_unit_files; u->path; u++) {
		AUTO_DONE(str_done) struct str text = STR_INIT;

		u->text(i, &text);
		if (write_text(f, u->path, text.data, e) < 0)
			return -1;
	}
	return 0;
}

/* A folder of the owner's, its mode and owner set also where it was there. Its parent is root's. */
static MUST int own_dir(struct files *f, const struct installed *i, const char *path, struct err *e)
{
	AUTO_FD int fd = -1;

	if (put_dir(f, path, 0700, e) < 0)
		return -1;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchown(fd, (uid_t)i->uid, (gid_t)i->gid) < 0 || fchmod(fd, 0700) < 0)
		return err_sys(e, errno, "give '%s' to '%s'", path, i->owner);
	return 0;
}

/* The folders made are part of what is written down, so that goes last. */
static MUST int write_installed(struct files *f, struct installed *i, struct err *e)
{
	AUTO_DONE(str_done) struct str text = STR_INIT;

	if (put_dir(f, LAYOUT_ETC, 0755, e) < 0)
		return -1;
	for (size_t n = 0; n < f->n_made && i->n_made < INSTALLED_MADE_MAX; n++)
		i->made[i->n_made++] = mem_strdup(f->made[n]);
	installed_write(i, &text);
	return put_write(f, LAYOUT_INSTALL, text.data, text.len, 0644, e);
}

static MUST int write_all(const struct install_want *want, struct files *f, struct installed *i, struct err *e)
{
	if (write_binary(f, e) < 0 || own_dir(f, i, LAYOUT_SYSTEM_STATE, e) < 0 || own_dir(f, i, LAYOUT_SYSTEM_CACHE, e) < 0)
		return -1;
	for (size_t n = 0; n < want->n_extra; n++)
		if (write_text(f, want->extra[n].path, want->extra[n].text, e) < 0)
			return -1;
	if (!want->no_service && write_units(f, i, e) < 0)
		return -1;
	return write_installed(f, i, e);
}

/* The run folders are tmpfiles' at every boot; now they are made here. */
static MUST int make_run(const struct installed *i, struct err *e)
{
	struct files none = { 0 };
	int rc = own_dir(&none, i, LAYOUT_SYSTEM_RUN, e);

	if (rc == 0 && mkdir(LAYOUT_HELPER_RUN, 0711) < 0 && errno != EEXIST)
		rc = err_sys(e, errno, "make folder '%s'", LAYOUT_HELPER_RUN);
	if (rc == 0 && (lchown(LAYOUT_HELPER_RUN, 0, 0) < 0 || chmod(LAYOUT_HELPER_RUN, 0711) < 0))
		rc = err_sys(e, errno, "set the mode of '%s'", LAYOUT_HELPER_RUN);
	put_done(&none);
	return rc;
}

static MUST int restart_once(struct err *e)
{
	static const char *const socket[] = { "start", "bangerd-root.socket", NULL };
	static const char *const helper[] = { "restart", "bangerd-root.service", NULL };
	static const char *const daemon[] = { "restart", "bangerd.service", NULL };

	systemd_forget_failures();
	if (systemctl(socket, e) < 0 || systemctl(helper, e) < 0)
		return -1;
	return systemctl(daemon, e);
}

int install_restart(struct err *e)
{
	struct err first = { 0 };

	if (restart_once(&first) == 0)
		return 0;
	/* A socket unit whose file was away for a moment stays active without a socket until it is stopped. */
	if (systemd_stop(e) < 0) {
		*e = first;
		return -1;
	}
	return restart_once(e);
}

static MUST int start_all(struct err *e)
{
	static const char *const reload[] = { "daemon-reload", NULL };
	static const char *const enable[] = { "enable", "bangerd-root.socket", "bangerd.service", NULL };

	return systemctl(reload, e) < 0 || systemctl(enable, e) < 0 ? -1 : install_restart(e);
}

/* Files as before; and what ran before runs again. */
static void undo(const struct install_want *want, struct files *f, bool before)
{
	static const char *const reload[] = { "daemon-reload", NULL };
	struct err e = { 0 };

	if (!want->no_service && !before && systemd_end_all(&e) < 0) {
		want->warn(e.msg);
		err_clear(&e);
	}
	if (!before) {
		rmdir(LAYOUT_SYSTEM_RUN);
		rmdir(LAYOUT_HELPER_RUN);
	}
	put_undo(f, want->warn);
	if (want->no_service)
		return;
	if (systemctl(reload, &e) < 0 || (before && install_restart(&e) < 0))
		want->warn(e.msg);
}

int install_run(const struct install_want *want, struct err *e)
{
	AUTO_DONE(installed_done) struct installed what = { 0 };
	AUTO_DONE(put_done) struct files f = { 0 };
	bool before = access(LAYOUT_INSTALL, F_OK) == 0;

	umask(022);
	if (check_all(want, &what, e) < 0)
		return -1;
	if (write_all(want, &f, &what, e) == 0 && make_run(&what, e) == 0 && (want->no_service || start_all(e) == 0))
		return 0;
	undo(want, &f, before);
	return err_wrap(e, "nothing was installed");
}

static int become_owner(void *arg)
{
	const struct installed *i = arg;
	gid_t gid = (gid_t)i->gid;

	return setgroups(1, &gid) < 0 || setresgid(gid, gid, gid) < 0 || setresuid((uid_t)i->uid, (uid_t)i->uid, (uid_t)i->uid) < 0 ? -1 : 0;
}

int install_doctor(int *ret_status, struct err *e)
{
	AUTO_DONE(installed_done) struct installed i = { 0 };
	char *argv[] = { (char *)(uintptr_t) "banger", (char *)(uintptr_t) "doctor", NULL };
	struct proc_fd fds[] = { { 1, 1 }, { 2, 2 } };
	struct proc_spawn how = { .path = BINARY, .argv = argv, .fds = fds, .n_fds = ARRAY_LEN(fds), .before_exec = become_owner, .arg = &i };
	int status;
	pid_t pid;

	if (installed_load(&i, e) < 0 || proc_start(&how, &pid, NULL, e) < 0 || proc_wait(pid, FD_FOREVER, &status, e) < 0)
		return err_wrap(e, "run doctor");
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	return 0;
}
