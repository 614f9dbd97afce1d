/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* How each @worker method begins: what is checked and written down before its worker runs. Memory and one record write only. */

#include "base/err.h"

struct config;
struct daemon;
struct object;
struct varlink_call;
struct varlink_method;
struct vm_create_in;
struct vm_set_in;

/* A request on its way to becoming a job. */
struct begin {
	struct daemon *daemon;
	struct varlink_call *call;
	const struct varlink_method *method;
	const void *in;
	const char *params;
};

/* daemon/begin_vm: the VM methods; begin_image: the others. 0: a job has the call. */
MUST int begin_vm_create(const struct begin *b, struct err *e);
MUST int begin_vm_act(const struct begin *b, struct err *e);
MUST int begin_vm_set(const struct begin *b, struct err *e);
MUST int begin_vm_file(const struct begin *b, struct err *e);
MUST int begin_image_import(const struct begin *b, struct err *e);
MUST int begin_image_delete(const struct begin *b, struct err *e);
MUST int begin_kernel_import(const struct begin *b, struct err *e);
MUST int begin_kernel_delete(const struct begin *b, struct err *e);
