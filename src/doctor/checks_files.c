/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose the files are and who can get at them. Root mends below a folder of the owner's only what the owner could mend too: a name there may be a link by now. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/room.h"
#include "base/str.h"
#include "doctor/checks.h"

enum { FOLDER_MODE = 0700, GROUP = 070, OTHERS = 007, DEPTH_MAX = 3, TOLD_MAX = 4 };
#define RUN_LEAST (1ULL << 20) /* sockets and locks want no more */
#define RUN_INODES_LEAST 100

struct walk {
	const struct doctor_host *host;
	struct doctor_check *check;
	size_t n_modes, n_owners; /* objects found wrong; a few are named */
	size_t n_mended;
};

/* Whether a folder's owner can be set: by root, where nobody else can put another in its place. */
static bool may_give(const char *path)
{
	AUTO_MEM char *up = path_dirname(path);
	struct stat st;

	return geteuid() == 0 && lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && lstat(up, &st) == 0 && st.st_uid == 0 && !(st.st_mode & 022);
}

/* By descriptor: root touches no other folder than the one it has looked at. */
static bool give(const struct doctor_host *host, const char *path)
{
	AUTO_FD int fd = host->fix && may_give(path) ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;

	return fd >= 0 && fchown(fd, host->uid, host->gid) == 0;
}

static bool close_folder(const struct doctor_host *host, const char *path)
{
	AUTO_FD int fd = -1;
	struct stat st;

	if (!host->fix)
		return false;
	if (geteuid() == host->uid)
		return chmod(path, FOLDER_MODE) == 0;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == host->uid && fchmod(fd, FOLDER_MODE) == 0;
}

/* A folder that holds others: ours alone. False when there is none, or it is not ours. */
static bool check_top(const struct doctor_host *host, const char *path, struct doctor_check *c)
{
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
		doctor_add(c, DOCTOR_FAIL, "'%s' should be a folder: move away what is there", path);
		return false;
	}
	if (st.st_uid != host->uid) {
		if (!give(host, path)) {
			doctor_add(c, DOCTOR_FAIL, "'%s' is of user %u: chown %u:%u '%s'", path, (unsigned)st.st_uid, (unsigned)host->uid, (unsigned)host->gid, path);
			return false;
		}
		doctor_fixed(c, "gave '%s' to user %u", path, (unsigned)host->uid);
	}
	if ((st.st_mode & 0777) == FOLDER_MODE)
		return true;
	if (close_folder(host, path))
		doctor_fixed(c, "set the mode of '%s' from %04o to 0700", path, (unsigned)(st.st_mode & 07777));
	else
		doctor_add(c, (st.st_mode & FOLDER_MODE) == FOLDER_MODE ? DOCTOR_WARN : DOCTOR_FAIL, "'%s' has mode %04o: chmod 700 '%s'", path,
			(unsigned)(st.st_mode & 07777), path);
	return true;
}

/* One below: made where it misses. */
static void check_below(const struct doctor_host *host, const char *top, const char *name, struct doctor_check *c)
{
	AUTO_MEM char *path = mem_printf("%s/%s", top, name);

	if (access(path, F_OK) < 0 && errno == ENOENT) {
		if (!host->fix || geteuid() != host->uid || mkdir(path, FOLDER_MODE) < 0) {
			doctor_add(c, DOCTOR_WARN, "there is no folder '%s': banger doctor --fix as its owner makes it", path);
			return;
		}
		doctor_fixed(c, "made folder '%s'", path);
	}
	check_top(host, path, c);
}

/* What nobody else may do with a file of that name; ssh takes no key that its group can read. */
static mode_t forbidden(const char *name)
{
	return str_starts(name, "id_") && !str_ends(name, ".pub") ? GROUP | OTHERS : OTHERS;
}

/* Descriptors of the owner's own things only, so nothing else can be reached by a link. */
static void check_one(struct walk *w, int dir, const char *name, const char *shown)
{
	mode_t wrong = forbidden(name);
	struct stat st, now;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISLNK(st.st_mode))
		return;
	if (st.st_uid != w->host->uid) {
		if (w->n_owners++ < TOLD_MAX)
			doctor_add(w->check, DOCTOR_WARN, "'%s/%s' is of user %u: chown %u:%u it", shown, name, (unsigned)st.st_uid, (unsigned)w->host->uid,
				(unsigned)w->host->gid);
		return;
	}
	if (!(st.st_mode & wrong))
		return;
	AUTO_FD int fd = w->host->fix && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) ? openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
	if (fd >= 0 && fstat(fd, &now) == 0 && now.st_uid == w->host->uid && fchmod(fd, now.st_mode & 07777 & ~wrong) == 0) {
		if (w->n_mended++ < TOLD_MAX)
			doctor_fixed(w->check, "closed '%s/%s' to others, its mode was %04o", shown, name, (unsigned)(st.st_mode & 07777));
		return;
	}
	if (w->n_modes++ < TOLD_MAX)
		doctor_add(w->check, DOCTOR_WARN, "'%s/%s' has mode %04o, so others can get at it: chmod go= it", shown, name, (unsigned)(st.st_mode & 07777));
}

/* Takes dir. */
static void walk(struct walk *w, int dir, const char *shown, int depth)
{
	DIR *d = fdopendir(dir);

	if (!d) {
		close(dir);
		return;
	}
	for (struct dirent *x; (x = readdir(d));) {
		if (str_eq(x->d_name, ".") || str_eq(x->d_name, ".."))
			continue;
		check_one(w, dirfd(d), x->d_name, shown);
		int below = depth ? openat(dirfd(d), x->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
		if (below >= 0) {
			AUTO_MEM char *path = mem_printf("%s/%s", shown, x->d_name);
			walk(w, below, path, depth - 1);
		}
	}
	closedir(d);
}

static void check_tree(const struct doctor_host *host, const char *path, struct doctor_check *c)
{
	struct walk w = { .host = host, .check = c };
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	walk(&w, fd, path, DEPTH_MAX);
	if (w.n_owners > TOLD_MAX || w.n_modes > TOLD_MAX)
		doctor_add(c, DOCTOR_WARN, "and so are %zu more below '%s'", (w.n_owners > TOLD_MAX ? w.n_owners - TOLD_MAX : 0) +
			(w.n_modes > TOLD_MAX ? w.n_modes - TOLD_MAX : 0), path);
	if (w.n_mended > TOLD_MAX)
		doctor_fixed(c, "and %zu more below '%s'", w.n_mended - TOLD_MAX, path);
}

/* A socket that nobody listens at any more. The lock tells whether a daemon is about to. */
static void check_stale(const struct doctor_host *host, const char *path, struct doctor_check *c)
{
	AUTO_MEM char *lock = mem_printf("%s/bangerd.lock", host->run_dir);
	AUTO_FD int fd = -1, held = -1;
	struct err e = { 0 };

	if (fd_connect_unix(path, &fd, &e) == 0 || e.sys != ECONNREFUSED)
		return;
	held = open(lock, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (held >= 0 && flock(held, LOCK_EX | LOCK_NB) < 0)
		return;
	if (host->fix && (geteuid() == host->uid || may_give(host->run_dir)) && unlink(path) == 0)
		doctor_fixed(c, "removed '%s', at which nobody listened any more", path);
	else
		doctor_add(c, DOCTOR_WARN, "nobody listens at '%s' any more: banger doctor --fix as its owner removes it", path);
}

static void check_socket(const struct doctor_host *host, const char *name, struct doctor_check *c)
{
	AUTO_MEM char *path = mem_printf("%s/%s", host->run_dir, name);
	struct stat st;

	if (lstat(path, &st) < 0)
		return;
	if (!S_ISSOCK(st.st_mode)) {
		doctor_add(c, DOCTOR_FAIL, "'%s' is no socket: move it away", path);
		return;
	}
	if (st.st_uid != host->uid || st.st_mode & 0177)
		doctor_add(c, DOCTOR_WARN, "'%s' is of user %u, mode %04o, not of %u, 0600: banger daemon stop, then any command makes another", path,
			(unsigned)st.st_uid, (unsigned)(st.st_mode & 07777), (unsigned)host->uid);
}

static void check_run_space(const struct doctor_host *host, struct doctor_check *c)
{
	struct err e = { 0 };
	struct room room;
	char text[16];

	if (room_look(host->run_dir, &room, &e) < 0)
		doctor_add_error(c, DOCTOR_WARN, &e);
	else if (room.avail_bytes < RUN_LEAST || (room.inodes && room.inodes < RUN_INODES_LEAST))
		doctor_add(c, DOCTOR_FAIL, "%s has %s and %llu inodes left, too little for sockets: make room", host->run_dir, str_bytes(room.avail_bytes, text),
			(unsigned long long)room.inodes);
}

static void check_state(const struct doctor_host *host, struct doctor_check *c)
{
	static const char *const below[] = { "vms", "images", "kernels" };

	if (!check_top(host, host->state_dir, c))
		return;
	for (size_t i = 0; i < ARRAY_LEN(below); i++)
		check_below(host, host->state_dir, below[i], c);
	check_tree(host, host->state_dir, c);
}

static void check_run(const struct doctor_host *host, struct doctor_check *c)
{
	AUTO_MEM char *socket = mem_printf("%s/bangerd.sock", host->run_dir);

	if (!check_top(host, host->run_dir, c))
		return;
	/* A boot empties the folder, the daemon's start fills it. */
	if (access(socket, F_OK) == 0)
		check_below(host, host->run_dir, "vms", c);
	check_socket(host, "bangerd.sock", c);
	check_socket(host, "helper.sock", c);
	/* The daemon takes its socket away when it ends, the helper does not. */
	check_stale(host, socket, c);
	check_run_space(host, c);
}

void check_files(const struct doctor_host *host, struct doctor_check *c)
{
	bool state = access(host->state_dir, F_OK) == 0 || errno != ENOENT, run = access(host->run_dir, F_OK) == 0 || errno != ENOENT;

	/* The daemon's first start makes them; those of an installation are the installation's. */
	if (state)
		check_state(host, c);
	if (run)
		check_run(host, c);
	if (c->level == DOCTOR_PASS)
		doctor_add(c, DOCTOR_PASS, "%s, %s: %s", host->state_dir, host->run_dir, state || run ? "of their owner alone" : "not there yet");
}
