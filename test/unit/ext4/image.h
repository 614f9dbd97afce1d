/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A scratch folder for each test, and other people's programs as oracles for the images in it. */

#include <stdbool.h>

#include "ext4/tree.h"
#include "unit.h"

/* cmocka set-up and tear-down: *state is the folder's path. */
int scratch_setup(void **state);
int scratch_teardown(void **state);
/* DIR/name in a static buffer that the next call but three overwrites. */
const char *in_scratch(void **state, const char *name);
/* Runs a shell command with $D set to the folder; its exit status. */
int shell(void **state, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same, its output trimmed of the last newline; caller frees. Fails the test when the command fails. */
char *shell_text(void **state, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* e2fsck -fn is silent about it. */
void assert_clean(void **state, const char *image);
/* A file's text, as our own reader finds it. */
void assert_content(struct ext4 *x, const char *path, const char *want);
/* Loop mounts work here (root, loop devices). */
bool can_mount(void **state);
