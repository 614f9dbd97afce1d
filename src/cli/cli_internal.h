/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What the commands share. A command's run function gets its own struct and the struct cli; it prints its errors by cli_fail. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/json_table.h"
#include "base/opt.h"

struct config;

/* Exit status of "vm run -- cmd" and "vm exec" when the failure is ours, as docker has it. */
#define CLI_EXEC_FAILED 125
/* The same of "vm ssh", as ssh has it. */
#define CLI_SSH_FAILED 255

/* What completes an argument. */
enum { CLI_WORDS_VM = OPT_WORDS_OWN, CLI_WORDS_IMAGE, CLI_WORDS_KERNEL, CLI_WORDS_SIGNAL, CLI_WORDS_SHELL };

/* The invocation: options that may stand anywhere, and what several commands need. */
struct cli {
	const char *root; /* --root */
	bool quiet;       /* --quiet */
	bool version;     /* --version */
	const char *path; /* "vm run" */
	struct config *config;
};

/* Option rows that recur. */
#define CLI_JSON(type)                                                                                                 \
	{                                                                                                              \
		0, "json", OPT_FLAG, offsetof(type, json), NULL, "print JSON"                                          \
	}

/* Prints the error, its operation and its hint on standard error. Returns status. */
int cli_fail(const struct err *e, int status);
/* A line "banger: warning: ..." on standard error; NULL text prints nothing. */
void cli_warn(const char *text);
/* The user's configuration, read once; its notices are printed. */
MUST int cli_config(struct cli *cli, const struct config **ret, struct err *e);

/* completion.c: the script of "bash", "zsh" or "fish", NULL for another. man.c: banger(1). */
const char *completion_script(const char *shell);
void man_page(struct str *out);

/* The tree's root, for completion. */
extern const struct opt_command cli_root;
/* Each is in the file of its name, vm_run in vm_run.c. */
extern const struct opt_command cli_vm_run, cli_vm_create, cli_vm_start, cli_vm_stop, cli_vm_restart, cli_vm_kill,
	cli_vm_delete, cli_vm_list, cli_vm_show, cli_vm_exec, cli_vm_logs, cli_vm_ping, cli_vm_health, cli_vm_set, cli_vm_stats, cli_vm_read, cli_vm_write,
	cli_vm_ssh, cli_vm_ports;
extern const struct opt_command cli_image_import, cli_image_list, cli_image_show, cli_image_delete;
extern const struct opt_command cli_kernel_import, cli_kernel_list, cli_kernel_show, cli_kernel_rm;
extern const struct opt_command cli_daemon_status, cli_daemon_socket, cli_daemon_reload, cli_daemon_stop;
extern const struct opt_command cli_ssh_config, cli_internal_ssh_proxy;
extern const struct opt_command cli_system_install, cli_system_status, cli_system_restart, cli_system_uninstall;
extern const struct opt_command cli_doctor, cli_version, cli_completion, cli_complete;
