/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The manual page, from the tables of commands: a section for each, its help page as it is. */
#include <string.h>

#include "base/auto.h"
#include "base/mem.h"
#include "cli/cli_internal.h"

/* roff takes a dot or a quote at a line's beginning, and every backslash, for its own. */
static void add_verbatim(struct str *out, const char *text)
{
	bool fresh = true;

	for (; *text; text++) {
		if (fresh && (*text == '.' || *text == '\''))
			str_add(out, "\\&");
		if (*text == '\\')
			str_add(out, "\\e");
		else if (*text == '-')
			str_add(out, "\\-");
		else
			str_add_char(out, *text);
		fresh = *text == '\n';
	}
}

static void add_commands(const struct opt_command *command, const char *path, struct str *out)
{
	for (const struct opt_command *const *c = command->children; c && *c; c++) {
		AUTO_DONE(str_done) struct str page = STR_INIT;
		AUTO_MEM char *below = mem_printf("%s%s%s", path, *path ? " " : "", (*c)->name);

		if ((*c)->hidden || (*c)->same_as)
			continue;
		opt_help(&cli_root, *c, below, &page);
		str_addf(out, ".SS banger %s\n.nf\n", below);
		add_verbatim(out, page.data);
		str_add(out, ".fi\n");
		add_commands(*c, below, out);
	}
}

void man_page(struct str *out)
{
	AUTO_DONE(str_done) struct str page = STR_INIT;

	opt_help(&cli_root, &cli_root, "", &page);
	str_add(out, ".TH BANGER 1\n.SH NAME\nbanger \\- virtual machines as handy as containers\n.SH SYNOPSIS\n.B banger\nCOMMAND ...\n"
		     ".SH DESCRIPTION\n.nf\n");
	add_verbatim(out, page.data);
	str_add(out, ".fi\n.SH COMMANDS\n");
	add_commands(&cli_root, "", out);
}
