/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/auto.h"
#include "cli/client.h"
#include "cli/exec_session.h"

struct vm_exec {
	const char *vm, *cwd;
	int tty;
	bool wait_system;
	struct opt_list env, command;
};

static MUST int exec(struct cli *cli, const struct vm_exec *o, int *ret_status, struct err *e)
{
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	AUTO(varlink_client_free) struct varlink_client *agent = NULL;
	struct exec_session session = { .vm = o->vm,
		.argv = &o->command,
		.env = &o->env,
		.cwd = o->cwd,
		.tty = o->tty,
		.wait_system = o->wait_system };

	if (client_connect(cli, &c, e) < 0 || client_connect_agent(c, o->vm, &agent, e) < 0)
		return -1;
	return exec_session_run(agent, &session, ret_status, e);
}

static int run(const void *in, void *cx)
{
	struct err e = { 0 };
	int status;

	return exec(cx, in, &status, &e) < 0 ? cli_fail(&e, CLI_EXEC_FAILED) : status;
}

static const struct opt opts[] = {
	{ 'e', "env", OPT_LIST, offsetof(struct vm_exec, env), "NAME[=VALUE]", "set a variable, or pass yours on" },
	{ 'w', "workdir", OPT_STRING, offsetof(struct vm_exec, cwd), "DIR", "folder to run in (default /root)" },
	{ 't', "tty", OPT_SWITCH, offsetof(struct vm_exec, tty), NULL,
		"with or without a terminal (default: as here)" },
	{ 0, "wait-system", OPT_FLAG, offsetof(struct vm_exec, wait_system), NULL,
		"wait until the distribution has booted" },
	{ 0 },
};
static const struct opt_arg args[] = { { "VM", offsetof(struct vm_exec, vm), .words = CLI_WORDS_VM }, { 0 } };
static const char *const examples[] = {
	"banger vm exec web -- systemctl status nginx",
	"banger vm exec web                          a shell",
	"tar c . | banger vm exec web -- tar x -C /srv",
	NULL,
};
const struct opt_command cli_vm_exec = {
	.name = "exec",
	.brief = "run a command, or a shell, in a running VM",
	.about = "Runs a command as root in a running VM, without ssh and without a shell between; without a command, "
		 "root's shell.\n"
		 "The exit status is the command's; 125 when banger itself fails, 126 not executable, 127 not found, "
		 "128+N killed by signal N.",
	.examples = examples,
	.opts = opts,
	.args = args,
	.rest = "COMMAND",
	.rest_bare = true,
	.rest_at = offsetof(struct vm_exec, command),
	.in_size = sizeof(struct vm_exec),
	.run = run,
};
