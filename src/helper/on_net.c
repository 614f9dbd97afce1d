/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/build.h"
#include "base/log.h"
#include "base/mem.h"
#include "helper/helper.h"
#include "helper/resolved.h"
#include "net/net.h"
#include "proto/io_banger_helper.h"
#include "proto/server.h"
#include "sandbox/jail.h"

static MUST int need_net(const struct helper *h, struct err *e)
{
	if (h->net)
		return 0;
	err_set(e, ERR_DENIED, "no networks here: %.150s", h->net_reason);
	return err_hint(e, "run the daemon as root, or use --net none");
}

int on_status(struct varlink_call *call, const struct status_in *in, struct status_out *ret, struct err *e)
{
	const struct helper *h = varlink_call_server_context(call);
	AUTO_DONE(str_done) struct str confinement = STR_INIT;

	ret->pid = getpid();
	ret->build = mem_strdup(build_id());
	ret->network = h->net != NULL;
	ret->reason = h->net ? NULL : mem_strdup(h->net_reason);
	helper_confinement(h, &confinement);
	ret->confinement = mem_strdup(confinement.data);
	ret->limited = !h->limits_reason[0];
	return 0;
}

static MUST int address_of(const struct helper *h, int64_t index, uint32_t *ret, struct err *e)
{
	struct addr_net net;

	if (index < 0 || index > UINT32_MAX)
		return err_set(e, ERR_INVALID, "address index %lld is out of range", (long long)index);
	if (addr_parse_net(h->subnet, &net, e) < 0)
		return -1;
	return addr_nth(&net, (uint32_t)index, ret, e);
}

int on_net_attach(struct varlink_call *call, const struct net_attach_in *in, struct net_attach_out *ret, struct err *e)
{
	struct helper *h = varlink_call_server_context(call);
	struct net_vm vm = { .id = in->vm, .nat = in->nat, .uid = h->owner_uid, .gid = UINT32_MAX };
	AUTO_FD int tap = -1;

	if (h->jail_base)
		vm.uid = jail_uid((uint32_t)in->cid);
	if (need_net(h, e) < 0 || check_vm_id(in->vm, e) < 0 || check_cid(in->cid, e) < 0 || address_of(h, in->index, &vm.address, e) < 0 ||
	    net_attach(h->net, &vm, &tap, e) < 0)
		return -1;
	log_info("network attached", "vm", in->vm);
	resolved_look(h->resolved);
	/* A VMM that opens its tap by name needs it free. */
	if (in->kind == VMM_KIND_QEMU && tap >= 0) {
		ret->has_tap = true;
		ret->tap = varlink_call_attach_fd(call, TAKE_FD(tap));
	}
	return 0;
}

int on_net_detach(struct varlink_call *call, const struct net_detach_in *in, struct net_detach_out *ret, struct err *e)
{
	struct helper *h = varlink_call_server_context(call);

	if (need_net(h, e) < 0 || check_vm_id(in->vm, e) < 0 || net_detach(h->net, in->vm, 0, e) < 0)
		return -1;
	log_info("network detached", "vm", in->vm);
	return 0;
}

int on_net_list(struct varlink_call *call, const struct net_list_in *in, struct net_list_out *ret, struct err *e)
{
	struct helper *h = varlink_call_server_context(call);
	AUTO_MEM struct net_entry *entries = NULL;
	size_t n = 0;

	if (h->net && net_list(h->net, &entries, &n, e) < 0)
		return -1;
	ret->vms = mem_array(n, sizeof(*ret->vms));
	for (size_t i = 0; i < n; i++)
		ret->vms[ret->n_vms++] = mem_strdup(entries[i].id);
	return 0;
}
