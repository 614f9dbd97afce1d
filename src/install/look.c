/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an installation should look like, compared with what there is. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/build.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "install/install_internal.h"
#include "store/layout.h"
#include "vmm/trust.h"

enum { FILE_MAX = 64 << 20 };

struct look {
	const struct install_look *how;
	const struct installed *i;
	struct files files; /* what was written over; never put back */
	bool wrote_units, wrote_binary;
};

static void say(struct look *l, enum install_level level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void say(struct look *l, enum install_level level, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	l->how->say(l->how->arg, level, text);
}

static bool may_fix(const struct look *l)
{
	return l->how->fix && geteuid() == 0;
}

/* What is wrong with a file of root's; empty when nothing is. */
static void compare(const char *path, const char *data, size_t n, unsigned mode, char wrong[static 100])
{
	AUTO_MEM char *was = NULL;
	struct err ignored = { 0 };
	struct stat st;
	size_t size;

	wrong[0] = 0;
	if (lstat(path, &st) < 0)
		snprintf(wrong, 100, "%s", errno == ENOENT ? "is missing" : strerror(errno));
	else if (!S_ISREG(st.st_mode))
		snprintf(wrong, 100, "is no file");
	else if (st.st_uid != 0 || (st.st_mode & 07777) != mode)
		snprintf(wrong, 100, "is of user %u, mode %04o, not of root, %04o", (unsigned)st.st_uid, (unsigned)(st.st_mode & 07777), mode);
	else if (fd_read_file(AT_FDCWD, path, FILE_MAX, &was, &size, &ignored) < 0 || size != n || memcmp(was, data, n) != 0)
		snprintf(wrong, 100, "is not as it was installed");
}

/* True when it was written anew. */
static bool look_at_file(struct look *l, const char *path, const char *data, size_t n, unsigned mode, enum install_level level)
{
	AUTO_MEM char *dir = path_dirname(path);
	struct err e = { 0 };
	char wrong[100];

	compare(path, data, n, mode, wrong);
	if (!*wrong)
		return false;
	if (!may_fix(l)) {
		say(l, level, "'%s' %s: sudo banger doctor --fix", path, wrong);
		return false;
	}
	if (put_dir(&l->files, dir, 0755, &e) < 0 || put_write(&l->files, path, data, n, mode, &e) < 0) {
		say(l, level, "'%s' %s, and cannot be written: %s", path, wrong, e.msg);
		return false;
	}
	say(l, INSTALL_FIXED, "'%s' %s: written anew", path, wrong);
	return true;
}

static void look_at_link(struct look *l, const char *path)
{
	char to[64];
	ssize_t n = readlink(path, to, sizeof(to));
	struct err e = { 0 };

	if (n == (ssize_t)strlen("banger") && memcmp(to, "banger", (size_t)n) == 0)
		return;
	if (!may_fix(l))
		say(l, INSTALL_FAIL, "'%s' is no link to banger: sudo banger doctor --fix", path);
	else if (put_link(&l->files, path, "banger", &e) < 0)
		say(l, INSTALL_FAIL, "'%s' is no link to banger, and cannot be made one: %s", path, e.msg);
	else
		say(l, INSTALL_FIXED, "made link '%s'", path);
}

/* The installed program is ours, byte for byte. */
static void look_at_binary(struct look *l)
{
	AUTO_MEM char *data = NULL;
	struct err e = { 0 };
	size_t n;

	if (fd_read_file(AT_FDCWD, "/proc/self/exe", FILE_MAX, &data, &n, &e) < 0) {
		say(l, INSTALL_WARN, "%s", e.msg);
		return;
	}
	l->wrote_binary = look_at_file(l, LAYOUT_BIN "/banger", data, n, 0755, INSTALL_FAIL);
	look_at_link(l, LAYOUT_BIN "/bangerd");
	look_at_link(l, LAYOUT_BIN "/bangerd-root");
}

static void look_at_units(struct look *l)
{
	for (const struct install_unit_file *u = install_unit_files; u->path; u++) {
		AUTO_DONE(str_done) struct str text = STR_INIT;

		u->text(l->i, &text);
		l->wrote_units |= look_at_file(l, u->path, text.data, text.len, 0644, INSTALL_FAIL);
	}
}

/* A folder in one of root's. */
static void look_at_folder(struct look *l, const char *path, unsigned mode, int64_t uid, int64_t gid)
{
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == (uid_t)uid && (st.st_mode & 07777) == mode)
		return;
	if (!may_fix(l)) {
		say(l, INSTALL_FAIL, "'%s' is not a folder of user %lld, mode %04o: sudo banger doctor --fix", path, (long long)uid, mode);
		return;
	}
	if (mkdir(path, mode) < 0 && errno != EEXIST) {
		say(l, INSTALL_FAIL, "folder '%s' cannot be made: %s", path, strerror(errno));
		return;
	}
	AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchown(fd, (uid_t)uid, (gid_t)gid) < 0 || fchmod(fd, mode) < 0)
		say(l, INSTALL_FAIL, "folder '%s' cannot be given to user %lld: %s", path, (long long)uid, strerror(errno));
	else
		say(l, INSTALL_FIXED, "made '%s' a folder of user %lld, mode %04o", path, (long long)uid, mode);
}

static void look_at_folders(struct look *l)
{
	static const char *const owners[] = { LAYOUT_SYSTEM_STATE, LAYOUT_SYSTEM_CACHE, LAYOUT_SYSTEM_RUN };

	/* Mode and owner of state and run folder are everybody's to check, installed or not. */
	for (size_t n = 0; n < ARRAY_LEN(owners); n++)
		if (access(owners[n], F_OK) < 0 || strcmp(owners[n], LAYOUT_SYSTEM_CACHE) == 0)
			look_at_folder(l, owners[n], 0700, l->i->uid, l->i->gid);
	look_at_folder(l, LAYOUT_HELPER_RUN, 0711, 0, 0);
}

static void look_at_socket(struct look *l)
{
	const char *path = LAYOUT_HELPER_RUN "/bangerd-root.sock";
	struct stat st;

	if (lstat(path, &st) < 0 || (S_ISSOCK(st.st_mode) && st.st_uid == (uid_t)l->i->uid && (st.st_mode & 07777) == 0600))
		return;
	/* Its folder is root's, so no name there is another's. */
	if (may_fix(l) && S_ISSOCK(st.st_mode) && lchown(path, (uid_t)l->i->uid, (gid_t)l->i->gid) == 0 && chmod(path, 0600) == 0)
		say(l, INSTALL_FIXED, "gave '%s' to user %lld, mode 0600", path, (long long)l->i->uid);
	else
		say(l, INSTALL_FAIL, "'%s' is not a socket of user %lld, mode 0600: sudo banger doctor --fix", path, (long long)l->i->uid);
}

/* The units that must run, and what is to be done with those that do not. */
static void look_at_services(struct look *l)
{
	static const char *const must[] = { "bangerd-root.socket", "bangerd.service" };
	static const char *const reload[] = { "daemon-reload", NULL };
	static const char *const stop[] = { "stop", "bangerd-root.service", "bangerd-root.socket", NULL };
	struct err e = { 0 };
	bool down = false;

	if (l->wrote_units && systemctl(reload, &e) < 0) {
		say(l, INSTALL_FAIL, "%s", e.msg);
		err_clear(&e);
	}
	for (size_t n = 0; n < ARRAY_LEN(must); n++) {
		const char *const enable[] = { "enable", must[n], NULL };
		char state[32], enabled[32];

		if (install_unit_state(must[n], state, &e) < 0 || install_unit_enabled(must[n], enabled, &e) < 0) {
			say(l, INSTALL_FAIL, "%s", e.msg);
			err_clear(&e);
			continue;
		}
		if (strcmp(enabled, "enabled") != 0) {
			if (may_fix(l) && systemctl(enable, &e) == 0)
				say(l, INSTALL_FIXED, "enabled %s, which was %s", must[n], enabled);
			else
				say(l, INSTALL_WARN, "%s is %s, so banger is gone after a boot: sudo banger doctor --fix", must[n], enabled);
			err_clear(&e);
		}
		if (strcmp(state, "active") == 0)
			continue;
		down = true;
		if (!may_fix(l))
			say(l, INSTALL_FAIL, "%s is %s: sudo banger doctor --fix, and journalctl -u %s says why", must[n], state, must[n]);
	}
	if (access(LAYOUT_HELPER_RUN "/bangerd-root.sock", F_OK) < 0 && errno == ENOENT) {
		down = true;
		if (!may_fix(l))
			say(l, INSTALL_FAIL, "'" LAYOUT_HELPER_RUN "/bangerd-root.sock' is missing: sudo banger doctor --fix");
		else if (systemctl(stop, &e) < 0)
			err_clear(&e); /* the start says what is wrong */
	}
	if (!may_fix(l) || (!down && !l->wrote_units && !l->wrote_binary))
		return;
	if (install_restart(&e) < 0)
		say(l, INSTALL_FAIL, "the services do not start: %s", e.msg);
	else
		say(l, INSTALL_FIXED, "started the services%s; VMs went on", down ? "" : " anew");
}

static void look_at_firecracker(struct look *l)
{
	struct err e = { 0 };

	if (!*l->i->firecracker || vmm_check_trusted("Firecracker", l->i->firecracker, &e) == 0)
		return;
	say(l, INSTALL_FAIL, "%s", e.msg);
	say(l, INSTALL_FAIL, "%s", *e.hint ? e.hint : "sudo banger system install names another one");
}

void install_look(const struct installed *i, const struct install_look *how)
{
	struct look l = { .how = how, .i = i };

	if (strcmp(i->build, build_id()) != 0) {
		say(&l, INSTALL_FAIL, "this command is build %.12s of banger, and build %.12s was installed", build_id(), i->build);
		say(&l, INSTALL_FAIL, "sudo banger system install --owner %s, by the banger that is to stay", i->owner);
		return;
	}
	if (may_fix(&l))
		umask(022);
	look_at_binary(&l);
	for (size_t n = 0; n < how->n_extra; n++)
		look_at_file(&l, how->extra[n].path, how->extra[n].text, strlen(how->extra[n].text), 0644, INSTALL_WARN);
	look_at_folders(&l);
	if (!i->no_service) {
		look_at_units(&l);
		if (systemd_runs())
			look_at_services(&l);
	}
	look_at_socket(&l);
	look_at_firecracker(&l);
	put_done(&l.files);
}
