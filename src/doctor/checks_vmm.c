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
#include "vmm/trust.h"
#include "vmm/versions.h"

bool doctor_kvm_by_group(void)
{
	struct stat st;

	return access("/dev/kvm", R_OK | W_OK) < 0 && stat("/dev/kvm", &st) == 0 && st.st_gid != 0 && (st.st_mode & 060) == 060;
}

bool doctor_has_program(const char *name)
{
	AUTO_MEM char *path = NULL;
	struct err ignored = { 0 };

	return vmm_find_program(name, &path, &ignored) == 0;
}

/* Where its VMs run in the device's group, membership of the owner is no cure for what is closed to all groups. */
static bool is_closed(const struct doctor_host *host)
{
	struct stat st;

	return host->installed && stat("/dev/kvm", &st) == 0 && ((st.st_mode & 060) != 060 || st.st_gid == 0) && (st.st_mode & 06) != 06;
}

/* Without KVM only Firecracker cannot run. */
void check_kvm(const struct doctor_host *host, struct doctor_check *c)
{
	bool needed = str_eq(host->config->vmm, "firecracker");
	struct err e = { 0 };

	if (host->by_group) {
		doctor_add(c, DOCTOR_PASS, "VMs run in the group that may use /dev/kvm");
		return;
	}
	if (is_closed(host)) {
		doctor_add(c, needed ? DOCTOR_FAIL : DOCTOR_WARN, "/dev/kvm is closed to all groups, and VMs do not run as root");
		doctor_add(c, c->level, "chgrp kvm /dev/kvm, chmod g+rw /dev/kvm, then sudo banger doctor --fix writes the group into the units");
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

	if (host->by_group && !str_eq(conf->vmm, "auto")) {
		doctor_add(c, DOCTOR_PASS, "%s, as configured", conf->vmm);
		return;
	}
	if (host->by_group) {
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
	/* The same question for the kernels that distributions build. */
	if (verdict != VMM_REFUSE && vmm_version_judge(v, "-amd64", &why) == VMM_REFUSE)
		doctor_add(c, DOCTOR_WARN, "it boots no distribution's kernel: %s", why);
	if (!vmm_version_has_reporting(v))
		doctor_add(c, DOCTOR_PASS, "what a guest frees goes back to this host from 1.14 on");
	if (verdict != VMM_GOOD)
		doctor_add(c, c->level, "%s", distro_hint(DISTRO_FIRECRACKER));
	/* An installation takes no other; as the user's own it is the user's to judge. */
	if (!host->installed && vmm_check_trusted("Firecracker", bin, &e) < 0)
		doctor_add(c, DOCTOR_PASS, "system install would refuse it: %s", e.msg);
}
