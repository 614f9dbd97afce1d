/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the helper sees: the networks of running VMs, firewalls in their way, KVM of an installed banger. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "cli/doctor.h"
#include "cli/services.h"
#include "proto/client.h"
#include "proto/io_banger.h"
#include "proto/io_banger_helper.h"
#include "store/layout.h"

enum { HELPER_MS = 10000 };

/* The address's number in the guests' network, -1 when it has none. */
static int64_t index_of(const char *subnet, const char *address)
{
	const char *slash = strchr(subnet, '/');
	int prefix = slash ? atoi(slash + 1) : 0;
	struct in_addr a;

	if (!address || prefix < 1 || prefix > 30 || inet_pton(AF_INET, address, &a) != 1)
		return -1;
	return ntohl(a.s_addr) & (UINT32_MAX >> prefix);
}

static const struct net_state *state_of(const struct net_check_out *found, const char *id)
{
	for (size_t i = 0; i < found->n_vms; i++)
		if (str_eq(found->vms[i].vm, id))
			return &found->vms[i];
	return NULL;
}

/* What misses of a VM's network; NULL when nothing does. */
static const char *what_misses(const struct vm_info *vm, const struct net_state *s)
{
	if (!s->attached)
		return "its tap is in no bridge";
	if (!s->guarded)
		return "its rules are gone, as after a firewall's 'flush ruleset'";
	return vm->net == NET_MODE_NAT && !s->nat ? "it is not let out any more" : NULL;
}

static MUST int check_vm(struct varlink_client *helper, const struct doctor_host *host, const struct vm_info *vm, const struct net_check_out *found,
	struct doctor_check *c, struct err *e)
{
	const struct net_state *s = state_of(found, vm->id);
	const char *misses = s ? what_misses(vm, s) : NULL;
	struct net_attach_in in = { .vm = vm->id, .index = index_of(host->config->subnet, vm->address), .cid = vm->cid, .nat = vm->net == NET_MODE_NAT,
		.kind = VMM_KIND_FIRECRACKER };

	if (!s) {
		doctor_add(c, DOCTOR_FAIL, "'%s' has no tap any more: banger vm restart %s", vm->name, vm->name);
		return 0;
	}
	if (!misses)
		return 0;
	if (!host->fix) {
		doctor_add(c, DOCTOR_FAIL, "network of '%s': %s: banger doctor --fix", vm->name, misses);
		return 0;
	}
	/* Repeating the call brings all to what it says; the VMM keeps its tap. */
	if (call_net_attach(helper, &in, NULL, e) < 0)
		return err_wrap(e, "network of '%s': %s", vm->name, misses);
	doctor_fixed(c, "network of '%s': %s: made anew", vm->name, misses);
	return 0;
}

static void tell_firewalls(const struct doctor_host *host, const struct net_check_out *found, struct doctor_check *c)
{
	for (size_t i = 0; i < found->n_firewalls; i++) {
		const struct net_firewall *f = &found->firewalls[i];

		doctor_add(c, DOCTOR_WARN, "chain %s%s drops what it does not know of, so guests %s", f->chain, f->legacy ? " of iptables-legacy" : "",
			f->forward ? "with nat do not get out" : "do not reach this host");
		if (f->legacy)
			doctor_add(c, DOCTOR_WARN, "iptables-legacy -I %s -i %s -j ACCEPT%s", f->chain, host->config->bridge_name,
				f->forward ? ", and the same with -o" : "");
		else
			doctor_add(c, DOCTOR_WARN, "nft insert rule %s iifname %s accept%s", f->chain, host->config->bridge_name,
				f->forward ? ", and the same with oifname" : "");
	}
}

/* Where KVM is open to a group that the owner is not in, VMs run in that group, and the helper can tell. */
static MUST int check_kvm(struct varlink_client *helper, struct doctor_check *kvm, struct err *e)
{
	AUTO_DONE(kvm_probe_out_done) struct kvm_probe_out out = { 0 };

	if (call_kvm_probe(helper, NULL, &out, e) < 0)
		return -1;
	if (!out.reason) {
		doctor_add(kvm, DOCTOR_PASS, "the helper ran a guest on this processor");
		return 0;
	}
	doctor_add(kvm, DOCTOR_WARN, "%s", out.reason);
	if (out.hint)
		doctor_add(kvm, DOCTOR_WARN, "%s", out.hint);
	doctor_add(kvm, DOCTOR_WARN, "VMs run emulated by QEMU: slower, otherwise the same");
	return 0;
}

static MUST int ask_helper(const struct doctor_host *host, struct doctor_check *kvm, struct varlink_client **ret, struct net_check_out *found, struct err *e)
{
	AUTO_MEM char *path = layout_helper_socket();

	if (varlink_client_connect(path, ret, e) < 0)
		return -1;
	varlink_client_set_deadline(*ret, time_now_ms() + HELPER_MS);
	return host->by_group && check_kvm(*ret, kvm, e) < 0 ? -1 : call_net_check(*ret, NULL, found, e);
}

int doctor_guests(struct varlink_client *daemon, const struct doctor_host *host, struct doctor_check *kvm, struct doctor_check *c, struct err *e)
{
	AUTO_DONE(vm_list_out_done) struct vm_list_out list = { 0 };
	AUTO_DONE(net_check_out_done) struct net_check_out found = { 0 };
	AUTO(varlink_client_free) struct varlink_client *helper = NULL;
	size_t n = 0;

	if (call_vm_list(daemon, NULL, &list, e) < 0)
		return -1;
	if (ask_helper(host, kvm, &helper, &found, e) < 0) {
		err_wrap(e, "ask the helper");
		return err_hint(e, "%s", services_mend_helper());
	}
	for (size_t i = 0; i < list.n_vms; i++) {
		if (list.vms[i].state != VM_STATE_RUNNING || list.vms[i].net == NET_MODE_NONE || !list.vms[i].address)
			continue;
		n++;
		if (check_vm(helper, host, &list.vms[i], &found, c, e) < 0)
			return -1;
	}
	tell_firewalls(host, &found, c);
	if (c->level == DOCTOR_PASS)
		doctor_add(c, DOCTOR_PASS, n > 1 ? "%zu VMs have one, and all of it is there" : n ? "%zu VM has one, and all of it is there" : "no running VM has one", n);
	return 0;
}
