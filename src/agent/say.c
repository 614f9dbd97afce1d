/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/say.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/auto.h"

/* A descriptor of its own for each line: the kernel limits the rate of each open /dev/kmsg. */
static void put(int level, const char *fmt, va_list args) __attribute__((format(printf, 2, 0)));
static void put(int level, const char *fmt, va_list args)
{
	AUTO_FD int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	char line[700];
	int at = snprintf(line, sizeof(line), "<%d>banger: ", level);
	int n = vsnprintf(line + at, sizeof(line) - (size_t)at, fmt, args);

	if (fd < 0 || n < 0)
		return;
	n += at;
	if ((size_t)n >= sizeof(line))
		n = sizeof(line) - 1;
	if (write(fd, line, (size_t)n) < 0)
		return; /* there is no one left to tell */
}

void say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put(6, fmt, args);
	va_end(args);
}

void say_console(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put(2, fmt, args);
	va_end(args);
}
