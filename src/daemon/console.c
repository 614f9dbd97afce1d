/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/falloc.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "daemon/jobs.h"
#include "daemon/objects.h"
#include "store/layout.h"

enum { SETTLE_MS = 1000, BLOCK = 4096, LOGS = 2, TAIL = 512 };

static const char *const log_names[LOGS] = { "console.log", "vmm.log" };

/* Without a file system that can take a range out, the rest is written again; what the guest prints in between comes before it. */
static MUST int rewrite(int fd, off_t from, off_t end, struct err *e)
{
	size_t n = (size_t)(end - from);
	AUTO_MEM char *tail = mem_new(n);

	if (fd_pread_all(fd, tail, n, from, e) < 0)
		return -1;
	if (ftruncate(fd, 0) < 0)
		return err_sys(e, errno, "truncate");
	return fd_pwrite_all(fd, tail, n, 0, e);
}

int console_cut(const char *path, int64_t max, int64_t keep, struct err *e)
{
	AUTO_FD int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
	struct stat st;
	off_t cut;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "open '%s'", path);
	if (st.st_size <= max)
		return 0;
	cut = (st.st_size - keep) / BLOCK * BLOCK;
	if (fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, cut) == 0)
		return 0;
	return rewrite(fd, cut, st.st_size, e) < 0 ? err_wrap(e, "cut '%s'", path) : 0;
}

/* The line that ends at end, without its stamp "[    1.234567] "; *end moves to the end of the line before. */
static char *line_before(char *text, char **end)
{
	char *line, *stamp;

	while (*end > text && ((*end)[-1] == '\n' || (*end)[-1] == '\r'))
		(*end)--;
	**end = '\0';
	for (line = *end; line > text && line[-1] != '\n'; line--)
		;
	*end = line;
	stamp = *line == '[' ? strchr(line, ']') : NULL;
	return stamp ? stamp + 1 + (stamp[1] == ' ') : line;
}

enum console_word console_last_word(const char *path, int64_t from)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[TAIL + 1], *end;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return CONSOLE_OTHER;
	if (st.st_size < from)
		from = 0;
	n = pread(fd, text, TAIL, st.st_size - from > TAIL ? st.st_size - TAIL : from);
	if (n <= 0)
		return CONSOLE_OTHER;
	end = text + n;
	const char *last = line_before(text, &end);
	if (!str_starts(last, "reboot: "))
		return CONSOLE_OTHER;
	last += strlen("reboot: ");
	if (str_eq(last, "Power down") || str_eq(last, "System halted") || str_eq(last, "Power off not available: System halted instead"))
		return CONSOLE_HALTED;
	if (!str_starts(last, "Restarting system"))
		return CONSOLE_OTHER;
	const char *before = line_before(text, &end);
	return str_eq(before, "banger: powered off") ? CONSOLE_HALTED : str_eq(before, "banger: resetting") ? CONSOLE_OTHER : CONSOLE_RESTARTED;
}

enum console_word console_word_of(const struct object *o)
{
	AUTO_MEM char *path = layout_file(LAYOUT_VM, o->vm.id, log_names[0]);

	return console_last_word(path, o->vm.has_console_from ? o->vm.console_from : 0);
}

/* A watch that has fired rests for a second, so that a chatty guest costs one look a second. */
static void on_settled(struct loop *l, void *arg)
{
	struct daemon *d = arg;
	struct err e = { 0 };

	d->console_timer = NULL;
	objects_each(d, o) {
		if (o->kind != LAYOUT_VM || !o->console_dirty)
			continue;
		for (int i = 0; i < LOGS; i++) {
			AUTO_MEM char *path = layout_file(LAYOUT_VM, o->vm.id, log_names[i]);
			if (console_cut(path, CONSOLE_MAX_BYTES, CONSOLE_KEEP_BYTES, &e) < 0) {
				log_warn("log not cut", "vm", o->vm.name, "why", e.msg);
				err_clear(&e);
			}
		}
		/* first the watch, then the look: after this word the console stays silent */
		console_watch(o);
		if (console_word_of(o) == CONSOLE_HALTED)
			jobs_vm_halted(o);
	}
}

static void on_event(struct loop *l, int fd, uint32_t revents, void *arg)
{
	struct daemon *d = arg;
	_Alignas(struct inotify_event) char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (char *at = buf; at < buf + n;) {
			const struct inotify_event *ev = (const struct inotify_event *)(void *)at;
			objects_each(d, o)
				if (o->kind == LAYOUT_VM && o->console_wd == ev->wd && (ev->mask & IN_MODIFY))
					o->console_dirty = true;
			at += sizeof(*ev) + ev->len;
		}
	}
	if (!d->console_timer)
		d->console_timer = loop_add_timer(l, time_now_ms() + SETTLE_MS, on_settled, d);
}

int console_open(struct daemon *d, struct err *e)
{
	d->console_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (d->console_fd < 0)
		return err_sys(e, errno, "inotify");
	return loop_add_fd(d->loop, d->console_fd, EPOLLIN, on_event, d, NULL, e);
}

void console_close(struct daemon *d)
{
	auto_fd_close(&d->console_fd);
}

void console_begin(struct object *o)
{
	AUTO_MEM char *path = layout_file(LAYOUT_VM, o->vm.id, log_names[0]);
	struct stat st;

	o->vm.has_console_from = true;
	o->vm.console_from = stat(path, &st) == 0 ? st.st_size : 0;
}

void console_watch(struct object *o)
{
	AUTO_MEM char *path = layout_file(LAYOUT_VM, o->vm.id, log_names[0]);

	o->console_dirty = false;
	/* One shot: the next event comes only after the next look. */
	o->console_wd = inotify_add_watch(o->daemon->console_fd, path, IN_MODIFY | IN_ONESHOT);
	if (o->console_wd < 0)
		log_warn("console not watched", "vm", o->vm.name);
}

void console_unwatch(struct object *o)
{
	if (o->console_wd > 0 && inotify_rm_watch(o->daemon->console_fd, o->console_wd) < 0)
		log_debug("console was not watched", "vm", o->vm.name);
	o->console_wd = 0;
	o->console_dirty = false;
}
