/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/cmdline.h"

#include "vmm/vmm.h"

void vmm_cmdline(const struct vmm_spec *spec, const char *extra, struct str *out)
{
	/* A reset ends both VMMs, so a panic and a reboot both end in one. */
	str_addf(out, "console=ttyS0 quiet reboot=k panic=-1 net.ifnames=0 %s systemd.hostname=%s banger.id=%s banger.disks=", extra, spec->hostname, spec->id);
	for (size_t i = 0; i < spec->n_drives; i++)
		str_addf(out, "%s%s:vd%c", i ? "," : "", spec->drives[i].role, (char)('a' + i));
	if (spec->root_mib)
		str_addf(out, " banger.root_mib=%lld", (long long)spec->root_mib);
	if (spec->chunk_sectors)
		str_addf(out, " banger.chunk=%lld", (long long)spec->chunk_sectors);
}
