/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/begin.h"

#include <stddef.h>

#include "base/auto.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "proto/io_banger.h"
#include "proto/server.h"

static const struct {
	const char *method;
	int (*begin)(const struct begin *b, struct err *e);
} rows[] = {
	{ "VmCreate", begin_vm_create },
	{ "VmStart", begin_vm_act },
	{ "VmStop", begin_vm_act },
	{ "VmRestart", begin_vm_act },
	{ "VmKill", begin_vm_act },
	{ "VmDelete", begin_vm_act },
	{ "VmSet", begin_vm_set },
	{ "VmReadFile", begin_vm_file },
	{ "VmWriteFile", begin_vm_file },
	{ "ImageImport", begin_image_import },
	{ "ImageDelete", begin_image_delete },
	{ "KernelImport", begin_kernel_import },
	{ "KernelDelete", begin_kernel_delete },
};

int on_worker_method(struct varlink_call *call, const struct varlink_method *m, void *in, const char *params, struct err *e)
{
	struct begin b = { varlink_call_server_context(call), call, m, in, params };

	if (b.daemon->stopping) {
		err_set(e, ERR_UNAVAILABLE, "the daemon is stopping");
		return err_hint(e, "try again: a new one starts by itself");
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (str_eq(rows[i].method, varlink_method_short(m)))
			return rows[i].begin(&b, e) < 0 ? -1 : VARLINK_LATER;
	return err_set(e, ERR_INTERNAL, "no beginning for '%s'", m->name);
}
