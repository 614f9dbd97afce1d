/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What banger doctor asks; nothing here changes anything. */
#include "base/auto.h"
#include "base/mem.h"
#include "helper/helper.h"
#include "net/net.h"
#include "proto/io_banger_helper.h"
#include "proto/server.h"
#include "vmm/kvm_probe.h"

int on_net_check(struct varlink_call *call, const struct net_check_in *in, struct net_check_out *ret, struct err *e)
{
	struct helper *h = varlink_call_server_context(call);
	AUTO_MEM struct net_entry *entries = NULL;
	struct firewall walls[FIREWALLS_MAX];
	size_t n = 0, n_walls = 0;

	if (!h->net)
		return 0;
	if (net_list(h->net, &entries, &n, e) < 0 || net_firewalls(h->net, walls, &n_walls, e) < 0)
		return -1;
	ret->vms = mem_array(n, sizeof(*ret->vms));
	for (size_t i = 0; i < n; i++)
		ret->vms[ret->n_vms++] = (struct net_state){ .vm = mem_strdup(entries[i].id), .attached = entries[i].attached,
			.guarded = entries[i].guarded, .nat = entries[i].nat };
	ret->firewalls = mem_array(n_walls, sizeof(*ret->firewalls));
	for (size_t i = 0; i < n_walls; i++)
		ret->firewalls[ret->n_firewalls++] = (struct net_firewall){ .chain = mem_strdup(walls[i].chain), .forward = walls[i].forward, .legacy = walls[i].legacy };
	return 0;
}

int on_kvm_probe(struct varlink_call *call, const struct kvm_probe_in *in, struct kvm_probe_out *ret, struct err *e)
{
	struct err why = { 0 };

	if (vmm_kvm_probe("/dev/kvm", NULL, &why) == 0)
		return 0;
	ret->reason = mem_strdup(why.msg);
	ret->hint = *why.hint ? mem_strdup(why.hint) : NULL;
	return 0;
}
