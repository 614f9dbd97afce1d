/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "init/umount.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "agent/say.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"

#define MOUNTINFO_MAX (4 << 20)

/* Field 5 of a line of /proc/self/mountinfo with its octal escapes undone (proc(5)), in place; NULL at the end. */
static char *next_target(char **rest)
{
	char *line = strsep(rest, "\n"), *field = NULL, *out;

	if (!line || !*line)
		return NULL;
	for (int i = 0; i < 5; i++)
		field = strsep(&line, " ");
	if (!field)
		return NULL;
	out = field;
	for (char *in = field; *in; out++) {
		if (in[0] == '\\' && strspn(in + 1, "01234567") >= 3) {
			*out = (char)((in[1] - '0') * 64 + (in[2] - '0') * 8 + (in[3] - '0'));
			in += 4;
		} else {
			*out = *in++;
		}
	}
	*out = 0;
	return field;
}

void umount_all(void)
{
	AUTO_MEM char *text = NULL;
	AUTO_MEM char **targets = NULL;
	struct err e = { 0 };
	size_t n = 0;
	char *rest, *target;

	sync();
	if (fd_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL, &e) < 0)
		say_console("%s", e.msg);
	rest = text;
	while (rest && (target = next_target(&rest))) {
		targets = mem_grow(targets, n, sizeof(*targets));
		targets[n++] = target;
	}
	while (n-- > 0) {
		target = targets[n];
		/* the kernel's own, which the last step still needs */
		if (str_eq(target, "/proc") || str_eq(target, "/dev") || str_eq(target, "/sys"))
			continue;
		if (str_eq(target, "/") || umount2(target, UMOUNT_NOFOLLOW) < 0)
			(void)!mount(NULL, target, NULL, MS_REMOUNT | MS_RDONLY, NULL);
	}
	sync();
}
