/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/configure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/files.h"
#include "agent/netconf.h"
#include "agent/say.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"

#define FILE_MAX (1 << 20) /* /etc/hosts, authorized_keys */
#define SSH_DIR "/root/.ssh"
#define KEYS_FILE SSH_DIR "/authorized_keys"

static MUST int set_clock(const struct guest_config *config, struct err *e)
{
	struct timespec t = { .tv_sec = config->time_ns / 1000000000, .tv_nsec = config->time_ns % 1000000000 };

	if (config->time_ns > 0 && clock_settime(CLOCK_REALTIME, &t) < 0)
		return err_sys(e, errno, "set the clock");
	return 0;
}

static size_t line_length(const char *at)
{
	const char *end = strchr(at, '\n');

	return end ? (size_t)(end - at) : strlen(at);
}

char *configure_hosts_text(const char *old, const char *name)
{
	struct str s = STR_INIT;
	int done = 0;

	if (!old || !*old)
		old = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
	for (const char *at = old; *at;) {
		size_t n = line_length(at);
		bool ours = strncmp(at, "127.0.1.1", 9) == 0 && (at[9] == ' ' || at[9] == '\t');
		if (ours && !done++)
			str_addf(&s, "127.0.1.1\t%s\n", name);
		if (!ours) {
			str_add_bytes(&s, at, n);
			str_add_char(&s, '\n');
		}
		at += n + (at[n] == '\n');
	}
	if (!done)
		str_addf(&s, "127.0.1.1\t%s\n", name);
	return str_take(&s);
}

static MUST int set_name(const struct guest_config *config, struct err *e)
{
	AUTO_MEM char *old = NULL, *text = NULL;
	struct err ignored = { 0 };

	if (!config->name || !*config->name)
		return 0;
	if (sethostname(config->name, strlen(config->name)) < 0)
		return err_sys(e, errno, "set the host name '%s'", config->name);
	if (fd_read_file(AT_FDCWD, "/etc/hosts", FILE_MAX, &old, NULL, &ignored) < 0 && ignored.sys != ENOENT) {
		*e = ignored;
		return -1;
	}
	text = configure_hosts_text(old, config->name);
	if (str_eq(text, old))
		return 0;
	return files_write("/etc/hosts", text, 0644, e);
}

static bool has_line(const char *text, const char *line)
{
	size_t want = strlen(line);

	for (const char *at = text; at && *at;) {
		size_t n = line_length(at);
		if (n == want && memcmp(at, line, n) == 0)
			return true;
		at += n + (at[n] == '\n');
	}
	return false;
}

char *configure_keys_text(const char *old, char *const *keys, size_t n)
{
	struct str s = STR_INIT;
	bool changed = false;

	if (old)
		str_add(&s, old);
	for (size_t i = 0; i < n; i++) {
		if (has_line(s.data, keys[i]))
			continue;
		if (s.len && s.data[s.len - 1] != '\n')
			str_add_char(&s, '\n');
		str_addf(&s, "%s\n", keys[i]);
		changed = true;
	}
	if (changed)
		return str_take(&s);
	str_done(&s);
	return NULL;
}

/* What sshd's StrictModes asks of each: root's, and for nobody else to write. */
static MUST int make_strict(const char *path, struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_sys(e, errno, "look at '%s'", path);
	if (st.st_uid != 0 && chown(path, 0, 0) < 0)
		return err_sys(e, errno, "set the owner of '%s'", path);
	if (st.st_mode & (S_IWGRP | S_IWOTH) && chmod(path, st.st_mode & 07755) < 0)
		return err_sys(e, errno, "set the mode of '%s'", path);
	return 0;
}

int configure_add_keys(char *const *keys, size_t n, struct err *e)
{
	static const char *const paths[] = { "/root", SSH_DIR, KEYS_FILE };
	AUTO_MEM char *old = NULL, *text = NULL, *real = realpath(KEYS_FILE, NULL); /* it may be a link to elsewhere */
	struct err ignored = { 0 };

	if (!n)
		return 0;
	if (mkdir(SSH_DIR, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "make '" SSH_DIR "'");
	if (fd_read_file(AT_FDCWD, KEYS_FILE, FILE_MAX, &old, NULL, &ignored) < 0 && ignored.sys != ENOENT) {
		*e = ignored;
		return -1;
	}
	text = configure_keys_text(old, keys, n);
	/* The user's own keys are in it: never half of it. */
	if (text && path_write_atomic(real ? real : KEYS_FILE, text, strlen(text), 0600, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (make_strict(paths[i], e) < 0)
			return -1;
	return 0;
}

static MUST int add_keys(const struct guest_config *config, struct err *e)
{
	return configure_add_keys(config->authorized_keys, config->n_authorized_keys, e);
}

void configure_guest(const struct guest_config *config)
{
	int (*const parts[])(const struct guest_config *, struct err *) = { set_clock, set_name, netconf_apply, netconf_files, add_keys };

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		struct err e = { 0 };
		if (parts[i](config, &e) < 0)
			say_console("%s", e.msg);
	}
}
