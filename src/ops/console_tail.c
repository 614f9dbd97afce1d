/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ops/console_tail.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"

enum { READ_MAX = 16384 };

/* A terminal of the user's prints this: nothing that could steer it. */
static size_t clean(char *at, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)at[i];
		if (c == 0x1b && i + 1 < n && at[i + 1] == '[') {
			for (i += 2; i < n && (at[i] < '@' || at[i] > '~'); i++)
				continue;
		} else if (c >= 0x20 && c < 0x7f) {
			at[out++] = (char)c;
		}
	}
	return out;
}

/* "[    1.234567] text": the text. */
static const char *without_stamp(const char *line, size_t *n)
{
	const char *end = *n && *line == '[' ? memchr(line, ']', *n) : NULL;

	if (!end || strspn(line + 1, " .0123456789") != (size_t)(end - line - 1))
		return line;
	end += end[1] == ' ' ? 2 : 1;
	*n -= (size_t)(end - line);
	return end;
}

/* What follows a kernel's last words is their call trace, which tells users nothing: the log ends with the words. */
static ssize_t end_at_panic(const char *buf, ssize_t n)
{
	static const char words[] = "Kernel panic - not syncing";
	const char *at = n > 0 ? memmem(buf, (size_t)n, words, strlen(words)) : NULL;
	const char *nl = at ? memchr(at, '\n', (size_t)(buf + n - at)) : NULL;

	return nl ? nl - buf : n;
}

bool console_tail(const char *path, char out[static CONSOLE_TAIL_MAX])
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buf[READ_MAX], line[CONSOLE_TAIL_MAX], joined[CONSOLE_TAIL_MAX] = "";
	struct stat st;
	ssize_t got;

	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	got = pread(fd, buf, sizeof(buf), st.st_size > READ_MAX ? st.st_size - READ_MAX : 0);
	got = end_at_panic(buf, got);
	while (got > 0) {
		const char *nl = memrchr(buf, '\n', (size_t)got);
		char *at = nl ? buf + (nl - buf) + 1 : buf;
		size_t n = clean(at, (size_t)(buf + got - at));
		const char *text = without_stamp(at, &n);
		got = nl ? nl - buf : 0;
		if (!n)
			continue;
		int len = snprintf(line, sizeof(line), "%.*s%s%s", (int)n, text, *joined ? " | " : "", joined);
		if (len < 0 || (size_t)len >= sizeof(line)) {
			if (!*joined)
				snprintf(joined, sizeof(joined), "%.*s", (int)sizeof(joined) - 1, text);
			break;
		}
		memcpy(joined, line, sizeof(joined));
	}
	memcpy(out, joined, sizeof(joined));
	return *joined != 0;
}
