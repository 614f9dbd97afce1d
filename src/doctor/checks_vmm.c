/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/str.h"
#include "doctor/checks.h"
#include "doctor/distro.h"
#include "vmm/choose.h"
#include "vmm/command.h"
#include "vmm/kvm_probe.h"
#include "vmm/versions.h"

/* An installed banger's VMs get the device's group from the helper, so that its owner need not be in it. */
static bool by_group(const struct doctor_host *host)
{
	struct stat st;

	return host->installed && access("/dev/kvm", R_OK | W_OK) < 0 && stat("/dev/kvm", &st) == 0 && st.st_gid != 0 && (st.st_mode & 060) == 060;
}

/* Without KVM only Firecracker cannot run. */
void check_kvm(const struct doctor_host *host, struct doctor_check *c)
{
	bool needed = str_eq(host->config->vmm, "firecracker");
	struct err e = { 0 };

	if (by_group(host)) {
		doctor_add(c, DOCTOR_PASS, "VMs run in the group that may use /dev/kvm");
		return;
	}
	if (vmm_kvm_probe("/dev/kvm", NULL, &e) == 0) {
		doctor_add(c, DOCTOR_PASS, "a guest ran on this processor");
		return;
	}
	doctor_add_error(c, needed ? DOCTOR_FAIL : DOCTOR_WARN, &e);
	if (!needed)
		doctor_add(c, DOCTOR_WARN, "VMs run emulated by QEMU: slower, otherwise the same");
}

void check_vmm(const struct doctor_host *host, struct doctor_check *c)
{
	const struct config *conf = host->config;
	struct vmm_choice choice;
	struct err e = { 0 };

	if (by_group(host) && !str_eq(conf->vmm, "auto")) {
		doctor_add(c, DOCTOR_PASS, "%s, as configured", conf->vmm);
		return;
	}
	if (by_group(host)) {
		doctor_add(c, DOCTOR_PASS, "chosen at each start, where KVM can be used");
		return;
	}
	if (vmm_choose(conf->vmm, conf->firecracker_bin, conf->qemu_bin, NULL, NULL, &choice, &e) < 0) {
		doctor_add_error(c, DOCTOR_FAIL, &e);
		doctor_add(c, DOCTOR_FAIL, "%s", distro_hint(DISTRO_QEMU));
		return;
	}
	doctor_add(c, DOCTOR_PASS, "%s", choice.why);
}

void check_firecracker(const struct doctor_host *host, struct doctor_check *c)
{
	bool wanted = str_eq(host->config->vmm, "firecracker");
	AUTO_MEM char *bin = mem_strdup(host->config->firecracker_bin);
	struct vmm_version v;
	enum vmm_verdict verdict;
	struct err e = { 0 };
	const char *why = NULL;

	if (!bin && vmm_find_program("firecracker", &bin, &e) < 0) {
		doctor_add(c, wanted ? DOCTOR_FAIL : DOCTOR_PASS, "not installed%s",
			wanted ? "" : "; QEMU does without it");
		doctor_add(c, c->level, "%s", distro_hint(DISTRO_FIRECRACKER));
		return;
	}
	if (vmm_version_ask(bin, &v, &e) < 0) {
		doctor_add_error(c, wanted ? DOCTOR_FAIL : DOCTOR_WARN, &e);
		return;
	}
	verdict = vmm_version_judge(v, NULL, &why);
	doctor_add(c,
		verdict == VMM_GOOD                       ? DOCTOR_PASS
			: verdict == VMM_REFUSE && wanted ? DOCTOR_FAIL
							  : DOCTOR_WARN,
		"%s is %d.%d.%d%s%s", bin, v.major, v.minor, v.patch, why && *why ? ": " : "", why ? why : "");
}
