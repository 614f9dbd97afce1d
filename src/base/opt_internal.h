/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Between opt.c, opt_help.c and opt_complete.c. */

#include "base/opt.h"

/* The child of that name with the same_as taken, NULL if there is none. */
const struct opt_command *opt_child(const struct opt_command *group, const char *name);
/* The option of a word such as "--name", "--name=x", "--no-name", "-n"; *ret_value is what stands behind '=' or the letter, NULL if
 * nothing does. NULL if the command has none. */
const struct opt *opt_find(const struct opt *opts, const char *word, const char **ret_value, bool *ret_negated);

static inline bool opt_takes_value(const struct opt *o)
{
	return o->kind != OPT_FLAG && o->kind != OPT_SWITCH;
}
static inline bool opt_is_word(const char *s)
{
	return s[0] == '-' && s[1];
}
