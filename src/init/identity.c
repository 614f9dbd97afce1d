/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "init/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/files.h"
#include "agent/say.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"

#define MACHINE_ID "/etc/machine-id"
#define SSH_DIR "/etc/ssh"
#define NEW_KEY SSH_DIR "/banger_new_key"
#define HOST_KEY SSH_DIR "/ssh_host_ed25519_key"
#define KEYGEN "/usr/bin/ssh-keygen"

enum { KEYGEN_MS = 10000 };

/* machine-id(5): no file, an empty one, or the word for it. */
static bool has_machine_id(void)
{
	AUTO_MEM char *old = NULL;
	struct err e = { 0 };

	if (fd_read_file(AT_FDCWD, MACHINE_ID, 4096, &old, NULL, &e) < 0)
		return e.sys != ENOENT;
	return *old && *old != '\n' && !str_starts(old, "uninitialized");
}

void identity_machine_id(const char *id)
{
	AUTO_MEM char *line = id ? mem_printf("%s\n", id) : NULL;
	struct err e = { 0 };

	if (!line || access("/etc", F_OK) < 0 || has_machine_id())
		return;
	if (files_write(MACHINE_ID, line, 0444, &e) < 0)
		say_console("%s", e.msg);
}

static bool has_host_key(void)
{
	glob_t found = { 0 };
	bool any = glob(SSH_DIR "/ssh_host_*_key", 0, NULL, &found) == 0;

	globfree(&found);
	return any;
}

/* A new file gets its name once it is on disk. */
static MUST int put_key(const char *from, const char *to, struct err *e)
{
	AUTO_FD int fd = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0 || rename(from, to) < 0)
		return err_sys(e, errno, "put '%s' in place", to);
	return 0;
}

static MUST int make_key(struct err *e)
{
	char *argv[] = { (char[]){ "ssh-keygen" }, (char[]){ "-q" }, (char[]){ "-t" }, (char[]){ "ed25519" }, (char[]){ "-N" }, (char[]){ "" },
			 (char[]){ "-C" }, (char[]){ "" }, (char[]){ "-f" }, (char[]){ NEW_KEY }, NULL };
	char *envp[] = { (char[]){ "PATH=" AGENT_PATH }, NULL };
	struct proc_spawn how = { .path = KEYGEN, .argv = argv, .envp = envp, .new_session = true };
	int status = 0;
	pid_t pid;

	if (path_remove(NEW_KEY, e) < 0 || path_remove(NEW_KEY ".pub", e) < 0 || proc_start(&how, &pid, NULL, e) < 0 ||
	    proc_wait(pid, time_now_ms() + KEYGEN_MS, &status, e) < 0)
		return -1;
	if (status)
		return err_set(e, ERR_SYSTEM, "ssh-keygen failed");
	/* An empty key, of a guest that was killed in its first seconds, would be one that no ssh server takes. */
	if (put_key(NEW_KEY ".pub", HOST_KEY ".pub", e) < 0 || put_key(NEW_KEY, HOST_KEY, e) < 0)
		return -1;
	return path_sync_dir(SSH_DIR, e);
}

void identity_host_keys(void)
{
	struct err e = { 0 };

	if (access(KEYGEN, X_OK) < 0 || access(SSH_DIR, F_OK) < 0 || has_host_key())
		return;
	if (make_key(&e) < 0)
		say_console("make the ssh host key: %s", e.msg);
}
