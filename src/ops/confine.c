/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "base/log.h"
#include "ops/op.h"
#include "sandbox/sandbox.h"

int op_confine(struct op *op, const struct landlock_rule *rules, size_t n, struct err *e)
{
	char version[16];
	int landlock = 0;

	if (!sandbox_available())
		return 0;
	if (sandbox_worker(rules, n, &landlock, e) < 0)
		return err_wrap(e, "confine the worker");
	snprintf(version, sizeof(version), "%d", landlock);
	log_debug("confined", "landlock", version);
	return 0;
}
