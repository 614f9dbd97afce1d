/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The settings for OpenSSH's client (ssh_config(5)), and the user's own file that includes them. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "cli/ssh.h"
#include "store/layout.h"

#define BEGIN "# >>> banger >>>\n"
#define END "# <<< banger <<<\n"

enum { SETTINGS_MAX = 64 << 10, LINK_MAX = 4096 };

void ssh_add_quoted(struct str *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=@%+,-";

	if (*word && *word != '-' && !word[strspn(word, plain)]) {
		str_add(out, word);
		return;
	}
	str_add_char(out, '\'');
	for (const char *c = word; *c; c++) {
		if (*c == '\'')
			str_add(out, "'\\''");
		else
			str_add_char(out, *c);
	}
	str_add_char(out, '\'');
}

/* A path where ssh_config(5) expands tokens. */
static char *without_tokens(const char *path)
{
	AUTO_DONE(str_done) struct str s = STR_INIT;

	for (const char *c = path; *c; c++) {
		if (*c == '%')
			str_add_char(&s, '%');
		str_add_char(&s, *c);
	}
	return str_take(&s);
}

static MUST int own_program(char **ret, struct err *e)
{
	char path[LINK_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n < 0)
		return err_sys(e, errno, "read '/proc/self/exe'");
	path[n] = 0;
	*ret = mem_strdup(path);
	return 0;
}

static MUST int settings_text(const char *key, struct str *out, struct err *e)
{
	AUTO_MEM char *known = layout_ssh_known_hosts(""), *program = NULL;
	AUTO_DONE(str_done) struct str command = STR_INIT;

	if (own_program(&program, e) < 0)
		return -1;
	ssh_add_quoted(&command, program);
	if (layout_root()) {
		str_add(&command, " --root ");
		ssh_add_quoted(&command, layout_root());
	}
	AUTO_MEM char *safe_known = without_tokens(known), *safe_key = without_tokens(key), *safe_command = without_tokens(command.data);
	str_add(out, "# Written by banger, again whenever it differs: ssh, scp, rsync and git to NAME.vm, without DNS and without a network.\n"
		     "Host *.vm\n"
		     "\tUser root\n");
	str_addf(out, "\tIdentityFile \"%s\"\n", safe_key);
	str_add(out, "\tIdentitiesOnly yes\n"
		     "\tPreferredAuthentications publickey\n"
		     "\tStrictHostKeyChecking yes\n"
		     "\tUpdateHostKeys no\n");
	str_addf(out, "\tUserKnownHostsFile \"%s%%h\"\n", safe_known);
	str_add(out, "\tGlobalKnownHostsFile /dev/null\n"
		     "\tProxyUseFdpass yes\n");
	str_addf(out, "\tProxyCommand %s internal ssh-proxy %%h %%p\n", safe_command);
	return 0;
}

int ssh_config_write(struct cli *cli, char **ret_path, struct err *e)
{
	AUTO_MEM char *path = layout_ssh_config(), *dir = path_dirname(path), *key = NULL, *public = NULL, *old = NULL;
	AUTO_DONE(str_done) struct str text = STR_INIT;
	struct err ignored = { 0 };

	if (ssh_key(cli, &key, &public, e) < 0 || settings_text(key, &text, e) < 0)
		return -1;
	if (fd_read_file(AT_FDCWD, path, SETTINGS_MAX, &old, NULL, &ignored) < 0 || !str_eq(old, text.data)) {
		if (path_make_dirs(dir, 0700, e) < 0 || path_write_atomic(path, text.data, text.len, 0600, e) < 0)
			return -1;
	}
	*ret_path = TAKE_PTR(path);
	return 0;
}

/* OpenSSH goes by the user's entry, not by HOME. */
int ssh_user_config(char **ret_path, struct err *e)
{
	const struct passwd *pw = getpwuid(getuid());

	if (!pw || *pw->pw_dir != '/')
		return err_set(e, ERR_NOT_FOUND, "no home folder is known for user %d", (int)getuid());
	*ret_path = mem_printf("%s/.ssh/config", pw->pw_dir);
	return 0;
}

/* From the block's first byte to the one behind it; false when there is none. */
static bool find_block(const char *text, const char **ret_begin, const char **ret_end)
{
	const char *begin = text, *end;

	while ((begin = strstr(begin, BEGIN)) && begin != text && begin[-1] != '\n')
		begin++;
	end = begin ? strstr(begin, END) : NULL;
	if (!end)
		return false;
	*ret_begin = begin;
	*ret_end = end + strlen(END);
	return true;
}

char *ssh_user_config_text(const char *old, const char *settings, bool include)
{
	AUTO_DONE(str_done) struct str s = STR_INIT;
	const char *begin, *end;

	if (!old)
		old = "";
	if (include)
		str_addf(&s, BEGIN "Include \"%s\"\n" END, settings);
	if (find_block(old, &begin, &end)) {
		str_add_bytes(&s, old, (size_t)(begin - old));
		str_add(&s, end);
	} else {
		str_add(&s, old);
	}
	return str_eq(s.data ? s.data : "", old) ? NULL : str_take(&s);
}
