/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <time.h>

#include "base/auto.h"
#include "cli/client.h"
#include "cli/table.h"

struct vm_list {
	bool json, names;
};

static void print_table(const struct vm_list_out *out)
{
	static const char *const headers[] = { "NAME", "STATE", "IMAGE", "VCPU", "MEMORY", "DISK", "NET", "ADDRESS",
		"CREATED", NULL };
	AUTO_DONE(table_done) struct table t;
	int64_t now = (int64_t)time(NULL);
	char size[16], age[32];

	table_init(&t, headers);
	for (size_t i = 0; i < out->n_vms; i++) {
		const struct vm_info *vm = &out->vms[i];

		table_add(&t, vm->name);
		table_add(&t, vm_state_text(vm->state));
		table_add(&t, vm->image);
		table_addf(&t, "%" PRId64, vm->vcpus);
		table_add(&t, str_bytes((uint64_t)vm->memory_mib << 20, size));
		table_add(&t, str_bytes((uint64_t)vm->disk_mib << 20, size));
		table_add(&t, net_mode_text(vm->net));
		table_add(&t, vm->address);
		table_add(&t, table_age(vm->created_at, now, age));
	}
	table_print(&t);
}

static MUST int list(struct cli *cli, const struct vm_list *o, struct err *e)
{
	AUTO_DONE(vm_list_out_done) struct vm_list_out out = { 0 };
	AUTO(varlink_client_free) struct varlink_client *c = NULL;

	if (client_connect(cli, &c, e) < 0 || call_vm_list(c, NULL, &out, e) < 0)
		return -1;
	if (o->json)
		table_json_list(&vm_info_type, out.vms, out.n_vms);
	else if (!o->names)
		print_table(&out);
	for (size_t i = 0; o->names && !o->json && i < out.n_vms; i++)
		printf("%s\n", out.vms[i].name);
	return 0;
}

static int run(const void *in, void *cx)
{
	struct err e = { 0 };

	return list(cx, in, &e) < 0 ? cli_fail(&e, 1) : 0;
}

static const struct opt opts[] = {
	CLI_JSON(struct vm_list),
	{ 0, "names", OPT_FLAG, offsetof(struct vm_list, names), NULL, "print only the names" },
	{ 0 },
};
const struct opt_command cli_vm_list = {
	.name = "list",
	.brief = "list VMs",
	.opts = opts,
	.in_size = sizeof(struct vm_list),
	.run = run,
};
