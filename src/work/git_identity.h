/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* user.name and user.email as git would find them in its user's own configuration, without running git (git-config(1), "Syntax" and "Includes"). */

#include "base/err.h"
#include "base/str.h"

struct work_git_identity {
	char *name, *email; /* NULL: not set */
};

/* Reads $HOME/.config/git/config (the folder config when it is not NULL: $XDG_CONFIG_HOME) and $HOME/.gitconfig, the later file and line winning, with the files that
 * they include without a condition. Files that are not there are success. ERR_INVALID with file and line. */
MUST int work_git_identity_read(const char *home, const char *config, struct work_git_identity *ret, struct err *e);
/* The text of a configuration that says the same; nothing when neither is set. */
void work_git_identity_write(const struct work_git_identity *i, struct str *out);
void work_git_identity_done(struct work_git_identity *i);
