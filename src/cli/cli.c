/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tree of commands and the way from argv to one of them. */
#include "cli/cli.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/build.h"
#include "base/mem.h"
#include "base/proc.h"
#include "cli/cli_internal.h"
#include "config/config.h"
#include "store/layout.h"

static const char *const vm_examples[] = {
	"banger vm run --rm -- uname -a        run one command in a fresh VM, then delete it",
	"banger vm run                         a shell in a new VM, which stays",
	"banger vm create --name web --nat     a VM that reaches the internet",
	"banger vm exec web -- apt-get update  a command in a running VM",
	"banger vm stop web                    shut it down; start brings it back",
	"banger vm delete web                  gone with its disks",
	NULL,
};
static const struct opt_command *const vm_commands[] = { &cli_vm_run, &cli_vm_create, &cli_vm_list, &cli_vm_show,
	&cli_vm_exec, &cli_vm_ssh, &cli_vm_start, &cli_vm_stop, &cli_vm_restart, &cli_vm_kill, &cli_vm_delete, &cli_vm_set,
	&cli_vm_read, &cli_vm_write, &cli_vm_logs, &cli_vm_ping, &cli_vm_health, &cli_vm_ports, &cli_vm_stats, NULL };
static const struct opt_command vm = {
	.name = "vm",
	.brief = "virtual machines: make, use, stop, delete",
	.about = "Virtual machines. A VM has a root of its own over an image, a work disk at /root, and a name.\n"
		 "\"vm run\" does all of it at once; the other commands are its steps.",
	.examples = vm_examples,
	.children = vm_commands,
};

static const char *const image_examples[] = {
	"banger image import debian-bookworm --tar rootfs.tar.zst --kernel debian",
	"banger image list",
	"banger vm run --image debian-bookworm",
	NULL,
};
static const struct opt_command *const image_commands[] = { &cli_image_import, &cli_image_list, &cli_image_show,
	&cli_image_delete, NULL };
static const struct opt_command image = {
	.name = "image",
	.brief = "root file systems that VMs start from",
	.about = "Images: root file systems that VMs start from. VMs never change them.",
	.examples = image_examples,
	.children = image_commands,
};

static const char *const kernel_examples[] = {
	"banger kernel import debian --deb linux-image-6.1.0-amd64.deb",
	"banger kernel import mine --vmlinuz /boot/vmlinuz --modules /lib/modules/6.1.0",
	"banger kernel list",
	NULL,
};
static const struct opt_command *const kernel_commands[] = { &cli_kernel_import, &cli_kernel_list, &cli_kernel_show,
	&cli_kernel_rm, NULL };
static const struct opt_command kernel = {
	.name = "kernel",
	.brief = "kernels that VMs boot",
	.about = "Kernels that VMs boot, each with its modules. Any distribution's kernel will do.",
	.examples = kernel_examples,
	.children = kernel_commands,
};

static const struct opt_command *const daemon_commands[] = { &cli_daemon_status, &cli_daemon_socket, &cli_daemon_reload,
	&cli_daemon_stop, NULL };
static const struct opt_command daemon_group = {
	.name = "daemon",
	.brief = "the process that owns the VMs",
	.about = "The daemon owns VMs, images and kernels. Commands start it when it does not run; VMs go on without "
		 "it.",
	.children = daemon_commands,
};

static const struct opt_command *const internal_commands[] = { &cli_internal_ssh_proxy, NULL };
static const struct opt_command internal = { .name = "internal", .brief = "what banger's own files call", .children = internal_commands, .hidden = true };

static const char *const system_examples[] = {
	"sudo banger system install --owner alice    alice needs no sudo from then on",
	"banger system status",
	"sudo banger system uninstall --purge",
	NULL,
};
static const struct opt_command *const system_commands[] = { &cli_system_install, &cli_system_status, &cli_system_restart,
	&cli_system_uninstall, NULL };
static const struct opt_command system_group = {
	.name = "system",
	.brief = "banger as a service of this host",
	.about = "Installs banger as a service: a daemon that runs as its owner, and a small helper that runs as root.\n"
		 "VMs go on while either is restarted or replaced.",
	.examples = system_examples,
	.children = system_commands,
};

static const struct opt_command ps = { .name = "ps", .brief = "list VMs (same as vm list)", .same_as = &cli_vm_list };

static const struct opt globals[] = {
	{ 0, "root", OPT_STRING, offsetof(struct cli, root), "DIR",
		"keep all state and sockets below DIR ($BANGER_ROOT)", .words = OPT_WORDS_DIR },
	{ 'q', "quiet", OPT_FLAG, offsetof(struct cli, quiet), NULL, "no progress, only results and errors" },
	{ 0, "version", OPT_FLAG, offsetof(struct cli, version), NULL, "print the version" },
	{ 0 },
};

static const char *const root_examples[] = {
	"banger doctor                         what works here and what is missing",
	"banger vm run --rm -- uname -a        a command in a fresh VM",
	"banger vm run --nat                   a shell in a VM with internet access",
	"banger ps                             which VMs there are",
	NULL,
};
static const struct opt_command *const commands[] = { &vm, &ps, &image, &kernel, &daemon_group, &system_group, &cli_ssh_config, &cli_doctor,
	&cli_version, &cli_completion, &cli_complete, &internal, NULL };
const struct opt_command cli_root = {
	.name = "banger",
	.brief = "Real virtual machines from images and distribution kernels, as handy as containers.",
	.examples = root_examples,
	.opts = globals,
	.children = commands,
};

static const char *command_path = ""; /* "vm run": which help page answers a mistake */

/* What to do when whoever failed had no better word for it. */
static void general_hint(const struct err *e, struct str *out)
{
	AUTO_MEM char *log = layout_dir(LAYOUT_STATE) ? layout_log() : NULL;

	switch (e->code) {
	case ERR_INVALID:
		str_addf(out, "banger%s%s --help shows how it is called", *command_path ? " " : "", command_path);
		break;
	case ERR_NOT_FOUND:
		str_add(out, "look whether the name is right");
		break;
	case ERR_EXISTS:
		str_add(out, "choose another name");
		break;
	case ERR_STATE:
	case ERR_BUSY:
		str_add(out, "banger vm list shows states, banger daemon status what is under way");
		break;
	case ERR_DENIED:
		str_add(out, "banger doctor tells which rights are missing");
		break;
	case ERR_NO_SPACE:
		str_add(out, "make room; banger doctor shows how much is free");
		break;
	case ERR_UNAVAILABLE:
	case ERR_TIMEOUT:
	case ERR_CORRUPT:
	case ERR_SYSTEM:
	case ERR_INTERNAL:
		str_addf(out, "banger doctor checks this machine%s%s", log ? "; the daemon's log is " : "",
			log ? log : "");
		break;
	case ERR_NONE:
	case ERR_CANCELLED:
	case ERR_CODE_COUNT:
		break;
	}
}

int cli_fail(const struct err *e, int status)
{
	AUTO_DONE(str_done) struct str hint = STR_INIT;

	/* Whoever pressed Ctrl-C knows what was under way. */
	fprintf(stderr, "banger: %s", e->code == ERR_CANCELLED ? "cancelled" : e->msg);
	if (*e->op)
		fprintf(stderr, " (%s)", e->op);
	fputc('\n', stderr);
	if (*e->hint)
		str_add(&hint, e->hint);
	else
		general_hint(e, &hint);
	if (hint.len)
		fprintf(stderr, "  hint: %s\n", hint.data);
	return status;
}

void cli_warn(const char *text)
{
	if (text && *text)
		fprintf(stderr, "banger: warning: %s\n", text);
}

int cli_config(struct cli *cli, const struct config **ret, struct err *e)
{
	AUTO_MEM char *path = NULL;

	if (!cli->config) {
		path = layout_config();
		if (config_load(layout_host_config(), path, layout_home(), &cli->config, e) < 0)
			return -1;
		for (size_t i = 0; i < cli->config->n_notices; i++)
			cli_warn(cli->config->notices[i]);
	}
	*ret = cli->config;
	return 0;
}

/* In "vm run -- cmd" and "vm exec" the status belongs to the guest's command; ours is then 125. */
static int usage_status(const struct opt_parsed *p, int argc, char *const *argv)
{
	if (p->command == &cli_vm_exec)
		return CLI_EXEC_FAILED;
	if (p->command == &cli_vm_ssh)
		return CLI_SSH_FAILED;
	for (int i = 1; p->command == &cli_vm_run && i < argc; i++)
		if (strcmp(argv[i], "--") == 0)
			return CLI_EXEC_FAILED;
	return 1;
}

static int show_help(const struct opt_parsed *p)
{
	AUTO_DONE(str_done) struct str page = STR_INIT;

	opt_help(&cli_root, p->command, p->path, &page);
	fputs(page.data, stdout);
	return 0;
}

static int dispatch(struct cli *cli, const struct opt_parsed *p, int usage)
{
	struct err e = { 0 };
	int status;

	if (cli->version) {
		printf("banger %s (build %s)\n", build_version(), build_id());
		return 0;
	}
	/* These say for themselves what is the matter with an installation. */
	if (layout_init(cli->root, &e) < 0 && p->command != &cli_version && !str_starts(p->path, "system"))
		return cli_fail(&e, usage);
	if (p->help)
		return show_help(p);
	cli->root = layout_root();
	cli->path = p->path;
	status = p->command->run(p->in, cli);
	/* A full disk or a closed pipe behind standard output is a failure too. */
	if ((fflush(stdout) == EOF || ferror(stdout)) && status == 0)
		status = usage;
	return status;
}

/* A descriptor opened later must not become a standard stream that the caller has closed. */
static void open_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) < 0)
			abort();
}

int cli_main(int argc, char **argv)
{
	struct opt_parsed parsed = { 0 };
	struct cli cli = { 0 };
	struct err e = { 0 };
	int status;

	open_standard_streams();
	signal(SIGPIPE, SIG_IGN);
	proc_catch_cancel();
	command_path = parsed.path;
	if (opt_parse(&cli_root, argc, argv, &cli, &parsed, &e) < 0)
		status = cli_fail(&e, usage_status(&parsed, argc, argv));
	else
		status = dispatch(&cli, &parsed, usage_status(&parsed, argc, argv));
	command_path = "";
	opt_done(&parsed);
	config_free(cli.config);
	return status;
}
