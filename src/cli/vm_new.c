/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/vm_new.h"

#include <inttypes.h>

#include "base/auto.h"
#include "base/mem.h"
#include "config/config.h"
#include "store/layout.h"

const char *const vm_new_nets[] = { "none", "private", "nat", NULL };

/* For help pages only, so a file that cannot be read shows no defaults. */
static void from_config(enum config_key key, struct str *out)
{
	AUTO(config_free) struct config *c = NULL;
	AUTO_MEM char *path = NULL;
	struct err ignored = { 0 };
	size_t n;

	if (!layout_dir(LAYOUT_STATE))
		return;
	path = layout_config();
	if (config_load(layout_host_config(), path, layout_home(), &c, &ignored) == 0)
		str_add(out, config_values(c, &n)[key].text);
}

void vm_new_vcpus(struct str *out)
{
	from_config(CONFIG_VCPU, out);
}

void vm_new_memory(struct str *out)
{
	from_config(CONFIG_MEMORY_MIB, out);
	if (out->len)
		str_add(out, "M");
}

void vm_new_disk(struct str *out)
{
	from_config(CONFIG_DISK_SIZE, out);
}

void vm_new_image(struct str *out)
{
	from_config(CONFIG_DEFAULT_IMAGE_NAME, out);
}

int vm_new_net(int net, int nat, enum net_mode *ret, struct err *e)
{
	static const enum net_mode modes[] = { NET_MODE_UNSET, NET_MODE_NONE, NET_MODE_PRIVATE, NET_MODE_NAT };
	enum net_mode asked = modes[net];

	if (nat && asked && asked != (nat > 0 ? NET_MODE_NAT : NET_MODE_PRIVATE))
		return err_set(e, ERR_INVALID, "--net %s and --%snat contradict each other", vm_new_nets[net - 1],
			nat > 0 ? "" : "no-");
	if (nat)
		asked = nat > 0 ? NET_MODE_NAT : NET_MODE_PRIVATE;
	*ret = asked;
	return 0;
}

int vm_new_request(struct cli *cli, const struct vm_new *n, struct vm_create_in *ret, struct err *e)
{
	const struct config *c;
	enum net_mode net;

	if (cli_config(cli, &c, e) < 0 || vm_new_net(n->net, n->nat, &net, e) < 0)
		return -1;
	*ret = (struct vm_create_in){
		.name = mem_strdup(n->name),
		.image = mem_strdup(n->image),
		.kernel = mem_strdup(n->kernel),
		.vcpus = n->vcpus ? n->vcpus : c->vcpus,
		.has_vcpus = true,
		.memory_mib = n->memory_mib ? n->memory_mib : c->memory_mib,
		.has_memory_mib = true,
		.disk_mib = n->disk_mib ? n->disk_mib : c->disk_mib,
		.has_disk_mib = true,
		.root_mib = n->root_mib,
		.has_root_mib = n->root_mib > 0,
		.net = net,
	};
	return 0;
}

void vm_new_spec(const struct vm_create_in *in, struct str *out)
{
	char disk[16];

	str_addf(out, "%" PRId64 " vcpu \u00b7 %" PRId64 " MiB \u00b7 %s disk", in->vcpus, in->memory_mib,
		str_bytes((uint64_t)in->disk_mib << 20, disk));
}

int vm_new_create(struct cli *cli, struct varlink_client *c, const struct vm_create_in *in, struct vm_create_out *ret,
	struct err *e)
{
	struct progress_view view = progress_begin(cli, NULL);

	if (!cli->quiet) {
		AUTO_DONE(str_done) struct str spec = STR_INIT;

		vm_new_spec(in, &spec);
		fprintf(stderr, "spec: %s\n", spec.data);
	}
	if (progress_call(c, &vm_create_method, in, &view, ret, e) < 0)
		return -1;
	cli_warn(ret->warning);
	if (!ret->vm) {
		vm_create_out_done(ret);
		return err_set(e, ERR_INTERNAL, "the daemon answered without a VM");
	}
	return 0;
}
