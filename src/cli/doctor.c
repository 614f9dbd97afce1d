/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/cli_internal.h"

static int run(const void *in, void *cx)
{
	return 0;
}

const struct opt_command cli_doctor = {
	.name = "doctor",
	.brief = "what works here, what does not, and what to do",
	.run = run,
};
