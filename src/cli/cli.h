/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The command line tool: runs as the user, asks the daemon, prints. One file per command; each has one row of the tree in cli/cli.c. */

/* The role. Exit status. */
int cli_main(int argc, char **argv);
