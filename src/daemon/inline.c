/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/inline.h"

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "daemon/objects.h"
#include "daemon/stats.h"
#include "dns/zone.h"
#include "net/addr.h"
#include "proto/server.h"

/* An object's name for its id; the id itself when it is gone. */
static char *name_of(struct daemon *d, enum layout_kind kind, const char *id)
{
	struct object *o = id ? object_by_id(d, kind, id) : NULL;

	return mem_strdup(o ? object_name(o) : id);
}

static void fill_addresses(const struct object *o, struct vm_info *ret)
{
	char text[ADDR_TEXT], mac_text[ADDR_MAC_TEXT];
	struct err ignored = { 0 }; /* a subnet that has become unreadable shows no addresses */
	struct addr_net net;
	uint32_t address;
	uint8_t mac[6];

	if (o->vm.net == NET_MODE_NONE)
		return;
	if (addr_parse_net(o->daemon->config->subnet, &net, &ignored) == 0 && addr_nth(&net, (uint32_t)o->vm.net_index, &address, &ignored) == 0 &&
	    addr_mac(o->vm.id, mac, &ignored) == 0) {
		ret->address = mem_strdup(addr_text(address, text));
		ret->mac = mem_strdup(addr_mac_text(mac, mac_text));
		ret->dns_name = mem_printf("%s.%s", o->vm.name, DNS_DOMAIN);
	}
}

void inline_vm_info(const struct object *o, struct vm_info *ret)
{
	const struct vm_record *vm = &o->vm;

	*ret = (struct vm_info){
		.id = mem_strdup(vm->id),
		.name = mem_strdup(vm->name),
		.state = vm->state,
		.reason = mem_strdup(vm->reason),
		.operation = mem_strdup(vm->operation),
		.image = name_of(o->daemon, LAYOUT_IMAGE, vm->image),
		.kernel = name_of(o->daemon, LAYOUT_KERNEL, vm->kernel),
		.vcpus = vm->vcpus,
		.memory_mib = vm->memory_mib,
		.disk_mib = vm->disk_mib,
		.root_mib = vm->root_mib,
		.root_backend = vm->root_backend,
		.root_bytes = stats_root_bytes(o),
		.work_bytes = stats_work_bytes(o),
		.net = vm->net,
		.cid = vm->cid,
		.ephemeral = vm->ephemeral,
		.vmm = mem_strdup(vm->vmm),
		.confined = vm->n_processes ? mem_strdup(vm->confined) : NULL,
		.has_pid = vm->n_processes > 0,
		.pid = vm->n_processes ? vm->processes[0].pid : 0,
		.created_at = vm->created_at,
		.has_started_at = vm->has_started_at,
		.started_at = vm->started_at,
		.has_stopped_at = vm->has_stopped_at,
		.stopped_at = vm->stopped_at,
		.ready = o->ready,
		.has_used_at = vm->state == VM_STATE_RUNNING && o->used_at,
		.used_at = o->used_at,
	};
	fill_addresses(o, ret);
}

/* Names of the objects of a kind whose reference is id. */
static void users(struct daemon *d, enum layout_kind kind, enum layout_kind of, const char *id, char ***ret, size_t *ret_n)
{
	objects_each(d, o) {
		if (o->kind != kind)
			continue;
		const char *ref = kind == LAYOUT_IMAGE ? o->image.kernel : of == LAYOUT_IMAGE ? o->vm.image : o->vm.kernel;
		if (!str_eq(ref, id))
			continue;
		*ret = mem_grow(*ret, *ret_n, sizeof(**ret));
		(*ret)[(*ret_n)++] = mem_strdup(object_name(o));
	}
}

void inline_image_info(const struct object *o, struct image_info *ret)
{
	const struct image_record *i = &o->image;

	*ret = (struct image_info){
		.id = mem_strdup(i->id),
		.name = mem_strdup(i->name),
		.state = i->state,
		.reason = mem_strdup(i->reason),
		.kernel = name_of(o->daemon, LAYOUT_KERNEL, i->kernel),
		.used_bytes = i->used_bytes,
		.size_bytes = i->size_bytes,
		.source = mem_strdup(i->source),
		.digest = mem_strdup(i->digest),
		.os = mem_strdup(i->os),
		.has_init = i->has_init,
		.created_at = i->created_at,
	};
	users(o->daemon, LAYOUT_VM, LAYOUT_IMAGE, i->id, &ret->vms, &ret->n_vms);
}

void inline_kernel_info(const struct object *o, struct kernel_info *ret)
{
	const struct kernel_record *k = &o->kernel;

	*ret = (struct kernel_info){
		.id = mem_strdup(k->id),
		.name = mem_strdup(k->name),
		.state = k->state,
		.reason = mem_strdup(k->reason),
		.release = mem_strdup(k->release),
		.source = mem_strdup(k->source),
		.digest = mem_strdup(k->digest),
		.has_modules = k->has_modules,
		.has_snapshot = k->has_snapshot,
		.has_pvh = k->has_pvh,
		.size_bytes = k->size_bytes,
		.created_at = k->created_at,
	};
	users(o->daemon, LAYOUT_VM, LAYOUT_KERNEL, k->id, &ret->vms, &ret->n_vms);
	users(o->daemon, LAYOUT_IMAGE, LAYOUT_KERNEL, k->id, &ret->images, &ret->n_images);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(object_name(*(struct object *const *)a), object_name(*(struct object *const *)b));
}

/* The objects of a kind sorted by name. Caller frees. */
static struct object **sorted(struct daemon *d, enum layout_kind kind, size_t *ret_n)
{
	struct object **all = NULL;
	size_t n = 0;

	objects_each(d, o) {
		if (o->kind != kind)
			continue;
		all = mem_grow(all, n, sizeof(struct object *));
		all[n++] = o;
	}
	if (n)
		qsort(all, n, sizeof(struct object *), by_name);
	*ret_n = n;
	return all;
}

int on_vm_list(struct varlink_call *call, const struct vm_list_in *in, struct vm_list_out *ret, struct err *e)
{
	AUTO_MEM struct object **all = sorted(varlink_call_server_context(call), LAYOUT_VM, &ret->n_vms);

	ret->vms = mem_array(ret->n_vms, sizeof(*ret->vms));
	for (size_t i = 0; i < ret->n_vms; i++)
		inline_vm_info(all[i], &ret->vms[i]);
	return 0;
}

int on_vm_show(struct varlink_call *call, const struct vm_show_in *in, struct vm_show_out *ret, struct err *e)
{
	struct object *o;

	if (object_find(varlink_call_server_context(call), LAYOUT_VM, in->vm, &o, e) < 0)
		return -1;
	inline_vm_info(o, &ret->vm);
	return 0;
}

int on_image_list(struct varlink_call *call, const struct image_list_in *in, struct image_list_out *ret, struct err *e)
{
	AUTO_MEM struct object **all = sorted(varlink_call_server_context(call), LAYOUT_IMAGE, &ret->n_images);

	ret->images = mem_array(ret->n_images, sizeof(*ret->images));
	for (size_t i = 0; i < ret->n_images; i++)
		inline_image_info(all[i], &ret->images[i]);
	return 0;
}

int on_image_show(struct varlink_call *call, const struct image_show_in *in, struct image_show_out *ret, struct err *e)
{
	struct object *o;

	if (object_find(varlink_call_server_context(call), LAYOUT_IMAGE, in->image, &o, e) < 0)
		return -1;
	inline_image_info(o, &ret->image);
	return 0;
}

int on_kernel_list(struct varlink_call *call, const struct kernel_list_in *in, struct kernel_list_out *ret, struct err *e)
{
	AUTO_MEM struct object **all = sorted(varlink_call_server_context(call), LAYOUT_KERNEL, &ret->n_kernels);

	ret->kernels = mem_array(ret->n_kernels, sizeof(*ret->kernels));
	for (size_t i = 0; i < ret->n_kernels; i++)
		inline_kernel_info(all[i], &ret->kernels[i]);
	return 0;
}

int on_kernel_show(struct varlink_call *call, const struct kernel_show_in *in, struct kernel_show_out *ret, struct err *e)
{
	struct object *o;

	if (object_find(varlink_call_server_context(call), LAYOUT_KERNEL, in->kernel, &o, e) < 0)
		return -1;
	inline_kernel_info(o, &ret->kernel);
	return 0;
}
