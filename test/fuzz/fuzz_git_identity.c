/* SPDX-License-Identifier: GPL-2.0-or-later */
/* work_git_identity_read on any configuration, up to the first line "####" git's folder's, behind it ~/.gitconfig: it is taken or refused with a sentence;
 * what banger writes of it for the guest says the same when it is read again. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "work/git_identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char home[64], folder[80], xdg[96], own[96];

static void make_home(void)
{
	snprintf(home, sizeof(home), "%s/banger-fuzz-git-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	snprintf(folder, sizeof(folder), "%s/git", mkdtemp(home) ? home : "");
	snprintf(xdg, sizeof(xdg), "%s/config", folder);
	snprintf(own, sizeof(own), "%s/.gitconfig", home);
}

static void put(const char *path, const void *data, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, data, n) != (ssize_t)n)
		abort();
	close(fd);
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void write_and_read(const struct work_git_identity *i)
{
	AUTO_DONE(work_git_identity_done) struct work_git_identity again = { 0 };
	AUTO_DONE(str_done) struct str text = STR_INIT;
	struct err e = { 0 };

	work_git_identity_write(i, &text);
	unlink(xdg);
	put(own, text.data ? text.data : "", text.len);
	if (work_git_identity_read(home, home, &again, &e) < 0 || !same(i->name, again.name) || !same(i->email, again.email))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char mark[] = "####\n";
	AUTO_DONE(work_git_identity_done) struct work_git_identity found = { 0 };
	struct err e = { 0 };

	make_home();
	if (mkdir(folder, 0700) < 0)
		abort();
	const uint8_t *at = size ? memmem(data, size, mark, sizeof(mark) - 1) : NULL;
	size_t first = at ? (size_t)(at - data) : 0, second = at ? first + sizeof(mark) - 1 : 0;

	put(xdg, data, first);
	put(own, data + second, size - second);
	if (work_git_identity_read(home, home, &found, &e) == 0)
		write_and_read(&found);
	else if (e.code == ERR_NONE || !e.msg[0] || found.name || found.email)
		abort();
	unlink(xdg);
	unlink(own);
	rmdir(folder);
	rmdir(home);
	return 0;
}
