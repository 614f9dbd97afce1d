/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What ssh into a VM needs on this side: a key, the VM's host keys (told by its agent over vsock, so nothing is trusted on first use), and a
 * file of settings for OpenSSH's client. */

#include "base/auto.h"
#include "base/err.h"
#include "cli/cli_internal.h"

struct varlink_client;

/* The VM that somebody wants to log in to. */
struct ssh_target {
	char *name, *id;
	char *address; /* NULL: reachable over vsock only */
};
void ssh_target_done(struct ssh_target *t);

/* The private key's path and the line of its public half; made by ssh-keygen when the configuration names none and there is none yet. Caller
 * frees both. */
MUST int ssh_key(struct cli *cli, char **ret_path, char **ret_public, struct err *e);
/* Makes the way free: our key in the guest, its host keys pinned under "NAME.vm" and under host as well, its ssh server there, which is waited
 * for while the guest boots. c is to the daemon, vm a name, an id or a prefix. */
MUST int ssh_prepare(struct cli *cli, struct varlink_client *c, const char *vm, const char *host, struct ssh_target *ret, struct err *e);

/* Writes the settings for the host names *.vm if they are not as they should be, and returns their path. Caller frees. */
MUST int ssh_config_write(struct cli *cli, char **ret_path, struct err *e);
/* The user's own file of settings, ~/.ssh/config. Caller frees. */
MUST int ssh_user_config(char **ret_path, struct err *e);
/* The text of it with our settings included at its top, or without them; old may be NULL. NULL when nothing changes. Caller frees. */
char *ssh_user_config_text(const char *old, const char *settings, bool include);
/* A word for a shell that is not to touch it. */
void ssh_add_quoted(struct str *out, const char *word);
