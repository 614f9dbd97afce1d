/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "base/auto.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/table.h"

struct vm_show {
	const char *vm;
	bool json;
};

static void add_number(struct table *t, const char *name, bool has, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	table_field(t, name, has ? text : NULL);
}

static void print_fields(const struct vm_info *vm)
{
	AUTO_DONE(table_done) struct table t = { 0 };
	int64_t now = (int64_t)time(NULL);
	char size[16], age[32];

	table_field(&t, "name", vm->name);
	table_field(&t, "id", vm->id);
	table_field(&t, "state", vm_state_text(vm->state));
	table_field(&t, "reason", vm->reason);
	table_field(&t, "operation", vm->operation);
	if (vm->state == VM_STATE_RUNNING)
		table_field(&t, "ready", vm->ready ? "yes" : "no");
	table_field(&t, "image", vm->image);
	table_field(&t, "kernel", vm->kernel);
	add_number(&t, "vcpu", true, vm->vcpus);
	table_field(&t, "memory", str_bytes((uint64_t)vm->memory_mib << 20, size));
	table_field(&t, "disk", str_bytes((uint64_t)vm->disk_mib << 20, size));
	table_field(&t, "root", str_bytes((uint64_t)vm->root_mib << 20, size));
	table_field(&t, "root kept by", root_backend_text(vm->root_backend));
	table_field(&t, "root takes", str_bytes((uint64_t)vm->root_bytes, size));
	table_field(&t, "disk takes", str_bytes((uint64_t)vm->work_bytes, size));
	table_field(&t, "net", net_mode_text(vm->net));
	table_field(&t, "address", vm->address);
	table_field(&t, "dns name", vm->dns_name);
	table_field(&t, "mac", vm->mac);
	add_number(&t, "vsock cid", true, vm->cid);
	table_field(&t, "vmm", vm->vmm);
	table_field(&t, "confined", vm->confined);
	add_number(&t, "vmm process", vm->has_pid, vm->pid);
	table_field(&t, "deleted at exit", vm->ephemeral ? "yes" : NULL);
	table_field(&t, "created", table_age(vm->created_at, now, age));
	table_field(&t, "started", vm->has_started_at ? table_age(vm->started_at, now, age) : NULL);
	table_field(&t, "stopped", vm->has_stopped_at ? table_age(vm->stopped_at, now, age) : NULL);
	table_print(&t);
}

static MUST int show(struct cli *cli, const struct vm_show *o, struct err *e)
{
	AUTO_DONE(vm_show_out_done) struct vm_show_out out = { 0 };
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	AUTO_MEM char *name = mem_strdup(o->vm);
	struct vm_show_in in = { .vm = name };

	if (client_connect(cli, &c, e) < 0 || call_vm_show(c, &in, &out, e) < 0)
		return -1;
	if (o->json)
		table_json(&vm_info_type, &out.vm);
	else
		print_fields(&out.vm);
	return 0;
}

static int run(const void *in, void *cx)
{
	struct err e = { 0 };

	return show(cx, in, &e) < 0 ? cli_fail(&e, 1) : 0;
}

static const struct opt opts[] = { CLI_JSON(struct vm_show), { 0 } };
static const struct opt_arg args[] = { { "VM", offsetof(struct vm_show, vm), .words = CLI_WORDS_VM }, { 0 } };
const struct opt_command cli_vm_show = {
	.name = "show",
	.brief = "everything about one VM",
	.opts = opts,
	.args = args,
	.in_size = sizeof(struct vm_show),
	.run = run,
};
