/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this host lets us do to confine VMMs, and the jail of one. */
#include "sandbox/jail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "helper/helper.h"
#include "store/layout.h"
#include "vmm/vmm.h"

void helper_jail_open(struct helper *h, const char *jail)
{
	AUTO_MEM char *base = *jail == '/' ? mem_strdup(jail) : mem_printf("%s/jail", h->system ? LAYOUT_HELPER_RUN : layout_dir(LAYOUT_RUN));
	struct err e = { 0 };

	if (str_eq(jail, "no"))
		err_set(&e, ERR_STATE, "no jail: jailer_enabled is false");
	else if (geteuid() != 0)
		err_set(&e, ERR_DENIED, "no jail: the daemon does not run as root");
	else if (path_make_dirs(base, 0700, &e) == 0)
		h->jail_base = TAKE_PTR(base);
	snprintf(h->jail_reason, sizeof(h->jail_reason), "%s", e.msg);
	if (e.msg[0])
		log_info("VMs are not fully confined", "why", e.msg);
}

void helper_jail_close(struct helper *h)
{
	free(TAKE_PTR(h->jail_base));
}

void helper_jail_fill(const struct helper *h, const struct vmm_spec *spec, struct jail *ret, struct str *confined)
{
	if (!h->jail_base) {
		str_addf(confined, "none: %s", h->jail_reason);
		return;
	}
	ret->base = h->jail_base;
	ret->run_uid = h->owner_uid;
	ret->run_gid = h->owner_gid;
	ret->uid = jail_uid(spec->cid);
	ret->kvm = spec->kvm;
	ret->tun = spec->net && spec->tap_fd < 0;
	str_addf(confined, "root of its own, uid %u, no capabilities, system call filter", ret->uid);
}

void helper_confinement(const struct helper *h, struct str *out)
{
	if (!h->jail_base)
		str_addf(out, "none: %s", h->jail_reason);
	else
		str_add(out, "a jail for each VM");
	if (!h->limits_reason[0])
		str_add(out, "; limits of memory, processor time and tasks");
	else if (h->jail_base)
		str_addf(out, "; no limits: %s", h->limits_reason);
}
