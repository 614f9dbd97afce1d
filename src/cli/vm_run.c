/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/exec_session.h"
#include "cli/table.h"
#include "cli/vm_new.h"

enum { DELETE_MS = 10000 };

struct vm_run {
	struct vm_new new;
	const char *cwd;
	int tty;
	bool rm, detach, wait_system, json;
	struct opt_list env, command;
};

/* What cannot go together is refused before there is a VM. */
static MUST int check(const struct vm_run *o, struct err *e)
{
	if (o->detach && o->rm)
		return err_set(e, ERR_INVALID, "vm run: --detach leaves the VM running and --rm deletes it");
	if (o->detach && o->command.n) {
		err_set(e, ERR_INVALID, "vm run: --detach takes no command");
		return err_hint(e, "banger vm run -d, then banger vm exec NAME -- %s", o->command.items[0]);
	}
	if (o->json && !o->detach)
		return err_set(e, ERR_INVALID, "vm run: --json goes with --detach only");
	return 0;
}

static MUST int delete (struct varlink_client *c, const struct vm_info *vm, struct err *e)
{
	struct vm_delete_in in = { .vm = vm->id, .force = true, .has_force = true };

	varlink_client_set_deadline(c, time_now_ms() + DELETE_MS);
	return call_vm_delete(c, &in, NULL, e);
}

static MUST int use(
	struct varlink_client *c, const struct vm_run *o, const struct vm_info *vm, int *ret_status, struct err *e)
{
	AUTO(varlink_client_free) struct varlink_client *agent = NULL;
	struct exec_session session = { .vm = vm->name,
		.argv = &o->command,
		.env = &o->env,
		.cwd = o->cwd,
		.tty = o->tty,
		.wait_system = o->wait_system };

	if (client_connect_agent(c, vm->name, &agent, e) < 0)
		return -1;
	return exec_session_run(agent, &session, ret_status, e);
}

/* The shell's own status is nobody's business; a command's is. */
static int finish(struct cli *cli, struct varlink_client *c, const struct vm_run *o, const struct vm_info *vm)
{
	int ours = o->command.n ? CLI_EXEC_FAILED : 1;
	struct progress_view view = progress_begin(cli, NULL);
	struct err e = { 0 };
	int status = 0;

	if (use(c, o, vm, &status, &e) < 0)
		status = cli_fail(&e, ours);
	else if (!o->command.n)
		status = 0;
	err_clear(&e);
	if (!o->rm) {
		progress_note(&view, "'%s' keeps running: banger vm exec %s, banger vm stop %s", vm->name, vm->name,
			vm->name);
		return status;
	}
	/* The daemon deletes it as well, once this process has ended. */
	if (delete (c, vm, &e) < 0 && e.code != ERR_NOT_FOUND && e.code != ERR_CANCELLED)
		return cli_fail(&e, status ? status : ours);
	return status;
}

static MUST int create(struct cli *cli, const struct vm_run *o, struct varlink_client **ret_client,
	struct vm_create_out *ret, struct err *e)
{
	AUTO_DONE(vm_create_in_done) struct vm_create_in in = { 0 };

	if (check(o, e) < 0 || vm_new_request(cli, &o->new, &in, e) < 0)
		return -1;
	in.ephemeral = in.has_ephemeral = o->rm;
	if (client_connect(cli, ret_client, e) < 0)
		return -1;
	return vm_new_create(cli, *ret_client, &in, ret, e);
}

static int run(const void *in, void *cx)
{
	const struct vm_run *o = in;
	AUTO_DONE(vm_create_out_done) struct vm_create_out out = { 0 };
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	struct err e = { 0 };

	if (create(cx, o, &c, &out, &e) < 0)
		return cli_fail(&e, o->command.n ? CLI_EXEC_FAILED : 1);
	if (!o->detach)
		return finish(cx, c, o, out.vm);
	if (o->json)
		table_json(&vm_info_type, out.vm);
	else
		printf("%s\n", out.vm->name);
	return 0;
}

static const struct opt opts[] = {
	{ 0, "rm", OPT_FLAG, offsetof(struct vm_run, rm), NULL, "delete the VM afterwards" },
	{ 'd', "detach", OPT_FLAG, offsetof(struct vm_run, detach), NULL,
		"print the VM's name once it has booted, and leave it running" },
	VM_NEW_OPTS(struct vm_run, new),
	{ 'e', "env", OPT_LIST, offsetof(struct vm_run, env), "NAME[=VALUE]",
		"set a variable for the command, or pass yours on" },
	{ 'w', "workdir", OPT_STRING, offsetof(struct vm_run, cwd), "DIR", "folder to run in (default /root)" },
	{ 't', "tty", OPT_SWITCH, offsetof(struct vm_run, tty), NULL, "with or without a terminal (default: as here)" },
	{ 0, "wait-system", OPT_FLAG, offsetof(struct vm_run, wait_system), NULL,
		"wait until the distribution has booted" },
	{ 0, "json", OPT_FLAG, offsetof(struct vm_run, json), NULL, "with --detach: print the VM as JSON" },
	{ 0 },
};
static const char *const examples[] = {
	"banger vm run --rm -- uname -a",
	"banger vm run --nat --memory 4G           a shell; the VM stays when it ends",
	"banger vm run -d --name web --nat         in the background",
	"make dist | banger vm run --rm -- tar tz  your input is the command's",
	NULL,
};
const struct opt_command cli_vm_run = {
	.name = "run",
	.brief = "make a VM and run a command or a shell in it",
	.about = "Makes a VM, boots it and runs a command in it, or without one a shell. The VM stays unless --rm is "
		 "given.\n"
		 "The exit status is the command's; 125 when banger itself fails, 126 not executable, 127 not found, "
		 "128+N killed by signal N.",
	.examples = examples,
	.opts = opts,
	.rest = "COMMAND",
	.rest_at = offsetof(struct vm_run, command),
	.in_size = sizeof(struct vm_run),
	.run = run,
};
