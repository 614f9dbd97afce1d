/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/job_reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/inline.h"
#include "daemon/jobs.h"
#include "daemon/objects.h"
#include "proto/server.h"

/* Puts a pointer (an optional struct or a string) into the member of that name, if the type has it. */
static void set_member(const struct json_type *type, void *out, const char *name, const void *value)
{
	for (uint32_t i = 0; i < type->n_fields; i++)
		if (str_eq(type->fields[i].name, name))
			memcpy((char *)out + type->fields[i].at, &value, sizeof(value));
}

void job_reply_progress(struct varlink_call *call, struct progress *p)
{
	const struct json_type *type = varlink_call_method(call)->out;
	AUTO_MEM void *out = mem_new(type->size);

	set_member(type, out, "progress", p);
	varlink_reply_continue(call, out);
}

void job_reply_result(struct job *j, const struct object *o)
{
	struct vm_info vm = { 0 };
	struct image_info image = { 0 };
	struct kernel_info kernel = { 0 };

	if (o && o->kind == LAYOUT_VM)
		inline_vm_info(o, &vm);
	else if (o && o->kind == LAYOUT_IMAGE)
		inline_image_info(o, &image);
	else if (o)
		inline_kernel_info(o, &kernel);
	while (j->n_calls) {
		struct varlink_call *call = j->calls[--j->n_calls];
		const struct json_type *type = varlink_call_method(call)->out;
		AUTO_MEM void *out = mem_new(type->size);

		if (vm.id)
			set_member(type, out, "vm", &vm);
		if (image.id)
			set_member(type, out, "image", &image);
		if (kernel.id)
			set_member(type, out, "kernel", &kernel);
		set_member(type, out, "warning", j->warning);
		varlink_call_on_gone(call, NULL, NULL);
		varlink_reply(call, out);
	}
	vm_info_done(&vm);
	image_info_done(&image);
	kernel_info_done(&kernel);
}

void job_reply_failure(struct job *j, const struct err *why)
{
	struct err e = *why;

	snprintf(e.op, sizeof(e.op), "%s", j->id);
	while (j->n_calls) {
		struct varlink_call *call = j->calls[--j->n_calls];
		varlink_call_on_gone(call, NULL, NULL);
		varlink_reply_error(call, &e);
	}
}
