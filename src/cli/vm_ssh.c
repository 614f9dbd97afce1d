/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/progress.h"
#include "cli/ssh.h"
#include "proto/io_banger_agent.h"

enum { REMIND_MS = 2000 };

struct vm_ssh {
	const char *vm;
	bool tty;
	struct opt_list command;
};

/* ssh joins its words by blanks and the guest's shell takes them apart again, so each is quoted. */
static char *remote_command(const struct opt_list *words)
{
	AUTO_DONE(str_done) struct str s = STR_INIT;

	for (size_t i = 0; i < words->n; i++) {
		if (i)
			str_add_char(&s, ' ');
		ssh_add_quoted(&s, words->items[i]);
	}
	return str_take(&s);
}

/* Only returns when that fails. */
static MUST int execute(const char *settings, const char *name, const struct vm_ssh *o, struct err *e)
{
	AUTO_MEM char *host = mem_printf("%s.vm", name), *command = remote_command(&o->command);
	const char *argv[8];
	sigset_t none;
	size_t n = 0;

	argv[n++] = "ssh";
	argv[n++] = "-F";
	argv[n++] = settings;
	if (o->tty)
		argv[n++] = "-t";
	argv[n++] = "--";
	argv[n++] = host;
	if (o->command.n)
		argv[n++] = command;
	argv[n] = NULL;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	execvp("ssh", (char **)(uintptr_t)argv);
	if (errno != ENOENT)
		return err_sys(e, errno, "execute ssh");
	err_set(e, ERR_UNAVAILABLE, "OpenSSH's client is not installed");
	return err_hint(e, "apt-get install openssh-client; banger vm exec %s needs none", name);
}

/* Waits as a shell would: a stop of ssh (its "~^Z") is this process's as well. */
static int wait_for(pid_t pid)
{
	int status;

	for (;;) {
		if (waitpid(pid, &status, WUNTRACED) < 0 && errno != EINTR)
			return CLI_SSH_FAILED;
		if (WIFEXITED(status))
			return WEXITSTATUS(status);
		if (WIFSIGNALED(status))
			return 128 + WTERMSIG(status);
		if (WIFSTOPPED(status)) {
			raise(SIGSTOP);
			kill(pid, SIGCONT);
		}
	}
}

/* A login: keys that send signals are ssh's, and whoever ends this process ends ssh. Returns its exit status. */
static MUST int log_in(const char *settings, const char *name, const struct vm_ssh *o, int *ret_status, struct err *e)
{
	sigset_t none;
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		return err_sys(e, errno, "fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() == parent && execute(settings, name, o, e) < 0)
			cli_fail(e, CLI_SSH_FAILED);
		_exit(CLI_SSH_FAILED);
	}
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	*ret_status = wait_for(pid);
	return 0;
}

/* After a login that has ended in order: the VM has not, unless somebody in it has seen to that. */
static void remind(struct cli *cli, const struct ssh_target *vm)
{
	AUTO(varlink_client_free) struct varlink_client *c = NULL, *agent = NULL;
	struct progress_view view = progress_begin(cli, NULL);
	struct err ignored = { 0 }; /* who does not answer is not spoken of */

	if (client_connect_running(&c, &ignored) < 0 || client_connect_agent(c, vm->id, &agent, &ignored) < 0)
		return;
	varlink_client_set_deadline(agent, time_now_ms() + REMIND_MS);
	if (call_ping(agent, NULL, NULL, &ignored) == 0)
		progress_note(&view, "'%s' keeps running: banger vm ssh %s, banger vm stop %s", vm->name, vm->name, vm->name);
}

static MUST int ssh(struct cli *cli, const struct vm_ssh *o, int *ret_status, struct err *e)
{
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	AUTO_DONE(ssh_target_done) struct ssh_target target = { 0 };
	AUTO_MEM char *settings = NULL;

	if (client_connect(cli, &c, e) < 0 || ssh_prepare(cli, c, o->vm, NULL, &target, e) < 0 || ssh_config_write(cli, &settings, e) < 0)
		return -1;
	if (o->command.n || !isatty(STDIN_FILENO))
		return execute(settings, target.name, o, e);
	varlink_client_free(TAKE_PTR(c));
	if (log_in(settings, target.name, o, ret_status, e) < 0)
		return -1;
	if (*ret_status != CLI_SSH_FAILED)
		remind(cli, &target);
	return 0;
}

static int run(const void *in, void *cx)
{
	struct err e = { 0 };
	int status = 0;

	return ssh(cx, in, &status, &e) < 0 ? cli_fail(&e, CLI_SSH_FAILED) : status;
}

static const struct opt opts[] = {
	{ 't', "tty", OPT_FLAG, offsetof(struct vm_ssh, tty), NULL, "a terminal for the command" },
	{ 0 },
};
static const struct opt_arg args[] = { { "VM", offsetof(struct vm_ssh, vm), .words = CLI_WORDS_VM }, { 0 } };
static const char *const examples[] = {
	"banger vm ssh web",
	"banger vm ssh web -- journalctl -u nginx",
	NULL,
};
const struct opt_command cli_vm_ssh = {
	.name = "ssh",
	.brief = "log in to a running VM by ssh",
	.about = "Runs OpenSSH's client with banger's own key and the guest's host keys, over the network or, without one, over vsock. The guest needs an "
		 "ssh server;\n\"vm exec\" needs none. After a login one line says that the VM keeps running. The exit status is the command's, 255 when ssh or banger fails.",
	.examples = examples,
	.opts = opts,
	.args = args,
	.rest = "COMMAND",
	.rest_bare = true,
	.rest_at = offsetof(struct vm_ssh, command),
	.in_size = sizeof(struct vm_ssh),
	.run = run,
};
