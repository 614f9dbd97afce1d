/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/str.h"

static enum log_level least = LOG_INFO_;
static const char *role_name = "banger";
static char op_id[16];

static const char *const level_names[] = { "debug", "info", "warn", "error" };
/* Priorities of sd-daemon(3). */
static const char level_prefix[] = { '7', '6', '4', '3' };

void log_open(const char *role, const char *level)
{
	const char *want = getenv("BANGER_LOG_LEVEL");

	role_name = role;
	if (!want)
		want = level;
	for (size_t i = 0; want && i < ARRAY_LEN(level_names); i++)
		if (strcmp(level_names[i], want) == 0)
			least = (enum log_level)i;
}

void log_set_op(const char *op)
{
	snprintf(op_id, sizeof(op_id), "%s", op ? op : "");
}

/* Bare where that is unambiguous, else quoted with control bytes escaped, so that foreign text cannot forge a line. */
static void add_value(struct str *s, const char *v)
{
	if (*v && strlen(v) == strcspn(v, " \"\\=\n\r\t\x1b")) {
		str_add(s, v);
		return;
	}
	str_add_char(s, '"');
	for (; *v; v++) {
		unsigned char c = (unsigned char)*v;
		if (c == '"' || c == '\\')
			str_addf(s, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			str_addf(s, "\\x%02x", c);
		else
			str_add_char(s, (char)c);
	}
	str_add_char(s, '"');
}

void log_write(enum log_level level, const char *text, ...)
{
	AUTO_DONE(str_done) struct str s = STR_INIT;
	const char *key, *value;
	struct timespec now;
	struct tm tm;
	va_list ap;

	if (level < least)
		return;
	if (getenv("JOURNAL_STREAM")) {
		str_addf(&s, "<%c>", level_prefix[level]);
	} else {
		clock_gettime(CLOCK_REALTIME, &now);
		gmtime_r(&now.tv_sec, &tm);
		str_addf(&s, "%04d-%02d-%02dT%02d:%02d:%02d.%06ldZ ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
			 tm.tm_sec, now.tv_nsec / 1000);
	}
	str_addf(&s, "%s %s[%d] %s", level_names[level], role_name, (int)getpid(), text);
	if (*op_id)
		str_addf(&s, " op=%s", op_id);
	va_start(ap, text);
	while ((key = va_arg(ap, const char *)) && (value = va_arg(ap, const char *))) {
		str_addf(&s, " %s=", key);
		add_value(&s, value);
	}
	va_end(ap);
	str_add_char(&s, '\n');
	/* A log that cannot be written has nowhere to complain. */
	if (write(STDERR_FILENO, s.data, s.len) < 0)
		return;
}
