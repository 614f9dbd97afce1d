/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

#define PASSWD_MAX (1 << 20)

enum { NOT_EXECUTABLE = 126, NOT_FOUND = 127, PIPE_BYTES = 256 << 10, NOFILE_SOFT = 1024 };

char *command_login_shell(const char *passwd)
{
	for (const char *at = passwd; at && *at;) {
		size_t n = strcspn(at, "\n");
		if (strncmp(at, "root:", 5) == 0) {
			const char *colon = memrchr(at, ':', n);
			size_t len = n - (size_t)(colon + 1 - at);
			if (len && colon[1] == '/')
				return mem_strndup(colon + 1, len);
		}
		at += n + (at[n] == '\n');
	}
	return mem_strdup("/bin/sh");
}

static char *login_shell(void)
{
	AUTO_MEM char *text = NULL;
	struct err ignored = { 0 }; /* an image without users has a shell all the same */

	if (fd_read_file(AT_FDCWD, "/etc/passwd", PASSWD_MAX, &text, NULL, &ignored) < 0)
		return mem_strdup("/bin/sh");
	return command_login_shell(text);
}

/* A NULL-terminated list of owned strings. */
struct list_of {
	char **v;
	size_t n;
};

static void list_of_add(struct list_of *l, char *owned)
{
	l->v = mem_resize(l->v, l->n + 2, sizeof(*l->v));
	l->v[l->n++] = owned;
	l->v[l->n] = NULL;
}

static void list_of_done(struct list_of *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
}

static void set_variable(struct list_of *env, const char *name, const char *value)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < env->n; i++) {
		if (strncmp(env->v[i], name, n) == 0 && env->v[i][n] == '=') {
			free(env->v[i]);
			env->v[i] = mem_printf("%s=%s", name, value);
			return;
		}
	}
	list_of_add(env, mem_printf("%s=%s", name, value));
}

static const char *variable(const struct list_of *env, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->v[i], name, n) == 0 && env->v[i][n] == '=')
			return env->v[i] + n + 1;
	return "";
}

static void make_environment(const struct exec_in *in, const char *shell, struct list_of *env)
{
	set_variable(env, "PATH", AGENT_PATH);
	set_variable(env, "HOME", "/root");
	set_variable(env, "USER", "root");
	set_variable(env, "LOGNAME", "root");
	set_variable(env, "SHELL", shell);
	for (size_t i = 0; i < in->n_env; i++)
		set_variable(env, in->env[i].name, in->env[i].value);
}

/* As execvp looks: the first in PATH that can be executed. NULL with errno; a file that is there but may not be executed is EACCES. */
static char *find_program(const char *name, const char *path)
{
	int sys = ENOENT;

	if (strchr(name, '/'))
		return mem_strdup(name);
	while (*name) {
		size_t n = strcspn(path, ":");
		AUTO_MEM char *file = mem_printf("%.*s/%s", n ? (int)n : 1, n ? path : ".", name);
		struct stat st;
		if (stat(file, &st) == 0 && S_ISREG(st.st_mode)) {
			if (access(file, X_OK) == 0)
				return TAKE_PTR(file);
			sys = EACCES;
		}
		if (!path[n])
			break;
		path += n + 1;
	}
	errno = sys;
	return NULL;
}

/* What the child is told. */
struct child {
	const char *cwd;
	bool terminal;
};

/* In the child, its standard descriptors in place. What the agent has for itself is taken back. */
static int before_exec(void *arg)
{
	const struct child *c = arg;
	struct rlimit files;
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)!write(fd, "0", 1);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur > NOFILE_SOFT) {
		files.rlim_cur = NOFILE_SOFT;
		(void)!setrlimit(RLIMIT_NOFILE, &files);
	}
	umask(022);
	if (chdir(c->cwd) < 0)
		return -1;
	return c->terminal && ioctl(0, TIOCSCTTY, 0) < 0 ? -1 : 0;
}

static MUST int open_terminal(const struct window_size *size, int *ret_master, int *ret_slave, struct err *e)
{
	struct winsize ws = { .ws_row = (unsigned short)size->rows, .ws_col = (unsigned short)size->columns };
	AUTO_FD int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	int unlock = 0;

	if (master < 0)
		return err_sys(e, errno, "open '/dev/ptmx'");
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0 || ioctl(master, TIOCSWINSZ, &ws) < 0)
		return err_sys(e, errno, "make a terminal");
	int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_sys(e, errno, "open the terminal");
	*ret_slave = slave;
	*ret_master = TAKE_FD(master);
	return 0;
}

/* ours and theirs of stdin, stdout, stderr */
static MUST int open_pipes(int ours[3], int theirs[3], struct err *e)
{
	for (int i = 0; i < 3; i++) {
		int ends[2];
		if (pipe2(ends, O_CLOEXEC) < 0)
			return err_sys(e, errno, "pipe");
		ours[i] = ends[i == 0];
		theirs[i] = ends[i != 0];
		/* fewer turns for the same bytes; a refusal (pipe-user-pages-soft) costs speed only */
		fcntl(ends[0], F_SETPIPE_SZ, PIPE_BYTES);
	}
	return 0;
}

static void close_all(int fds[3])
{
	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void not_executed(struct command *c, const char *name, int sys)
{
	c->status = sys == ENOENT || sys == ENOTDIR ? NOT_FOUND : NOT_EXECUTABLE;
	snprintf(c->why, sizeof(c->why), "execute '%.200s': %s", name, strerror(sys));
}

static void launch(struct command *c, const char *name, char *const *argv, const struct list_of *env, const char *cwd, const int theirs[3])
{
	struct child child = { .cwd = cwd, .terminal = c->terminal };
	struct proc_fd fds[] = { { theirs[0], 0 }, { theirs[1], 1 }, { theirs[2], 2 } };
	AUTO_MEM char *path = find_program(name, variable(env, "PATH"));
	struct proc_spawn how = { .path = path, .argv = argv, .envp = env->v, .fds = fds, .n_fds = ARRAY_LEN(fds), .new_session = true,
		.before_exec = before_exec, .arg = &child };
	struct err e = { 0 };

	if (!path)
		not_executed(c, name, errno);
	else if (proc_start(&how, &c->pid, &c->pidfd, &e) < 0)
		not_executed(c, name, e.sys);
}

static MUST int open_ends(const struct exec_in *in, struct command *c, int theirs[3], struct err *e)
{
	int ours[3] = { -1, -1, -1 }, slave = -1;

	if (in->terminal) {
		if (open_terminal(in->terminal, &c->in, &slave, e) < 0)
			return -1;
		c->out = c->in;
		theirs[0] = theirs[1] = theirs[2] = slave;
		return 0;
	}
	if (open_pipes(ours, theirs, e) < 0) {
		close_all(ours);
		close_all(theirs);
		return -1;
	}
	c->in = ours[0];
	c->out = ours[1];
	c->err = ours[2];
	return 0;
}

int command_start(const struct exec_in *in, struct command *ret, struct err *e)
{
	AUTO_DONE(list_of_done) struct list_of env = { 0 }, argv = { 0 };
	AUTO_MEM char *shell = login_shell();
	struct command c = { .pidfd = -1, .in = -1, .out = -1, .err = -1, .terminal = in->terminal != NULL };
	const char *cwd = in->cwd ? in->cwd : "/root", *slash = strrchr(shell, '/'), *name = in->n_argv ? in->argv[0] : shell;
	int theirs[3] = { -1, -1, -1 };

	/* The session itself stays out of it: it would keep a file system busy when the guest ends. */
	AUTO_FD int dir = open(cwd, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 && in->cwd)
		return err_sys(e, errno, "enter '%s'", cwd);
	if (dir < 0)
		cwd = "/";
	make_environment(in, shell, &env);
	for (size_t i = 0; i < in->n_argv; i++)
		list_of_add(&argv, mem_strdup(in->argv[i]));
	if (!in->n_argv)
		list_of_add(&argv, mem_printf("-%s", slash + 1));
	if (open_ends(in, &c, theirs, e) < 0)
		return -1;
	launch(&c, name, argv.v, &env, cwd, theirs);
	if (c.terminal)
		close(theirs[0]);
	else
		close_all(theirs);
	*ret = c;
	return 0;
}
