/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/choose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/str.h"
#include "proto/io_banger_worker.h"
#include "vmm/command.h"
#include "vmm/kvm_probe.h"
#include "vmm/versions.h"
#include "vmm/vmm.h"

#define INSTALL_QEMU "apt-get install qemu-system-x86"
#define INSTALL_FIRECRACKER "put a firecracker binary (github.com/firecracker-microvm/firecracker/releases) on PATH, or set firecracker_bin"

/* What this host offers: for each, NULL or why not. */
struct host {
	struct err kvm, firecracker, qemu; /* code ERR_NONE: it is there and works */
	struct vmm_version version;
	char warning[120];
};

static void set(char **at, const char *text)
{
	free(*at);
	*at = mem_strdup(text);
}

/* A verdict that depends on the moment is not kept: one bad moment must not mean emulation for as long as the daemon lives. */
static void probe_kvm(struct host_facts *facts, struct err *ret)
{
	AUTO_MEM char *key = vmm_kvm_key("/dev/kvm");
	bool lasting;

	if (facts && key && str_eq(facts->kvm_key, key)) {
		if (facts->kvm_code)
			err_set(ret, err_code_from_name(facts->kvm_code), "%s", facts->kvm_message);
		if (facts->kvm_code && facts->kvm_hint && *facts->kvm_hint)
			err_hint(ret, "%s", facts->kvm_hint);
		return;
	}
	if (vmm_kvm_probe("/dev/kvm", &lasting, ret) == 0)
		ret->code = ERR_NONE;
	if (!facts || !key || !lasting)
		return;
	set(&facts->kvm_key, key);
	set(&facts->kvm_code, ret->code != ERR_NONE ? err_code_name(ret->code) : NULL);
	set(&facts->kvm_message, ret->msg);
	set(&facts->kvm_hint, ret->hint);
}

static MUST int ask_version(const char *path, struct host_facts *facts, struct vmm_version *ret, struct err *e)
{
	AUTO_MEM char *key = NULL;
	struct stat st;

	if (stat(path, &st) == 0)
		key = mem_printf("%s:%llx:%llx:%lld:%lld.%09ld", path, (unsigned long long)st.st_dev, (unsigned long long)st.st_ino, (long long)st.st_size,
				 (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	if (facts && key && facts->firecracker_version && str_eq(facts->firecracker_key, key) &&
	    sscanf(facts->firecracker_version, "%d.%d.%d", &ret->major, &ret->minor, &ret->patch) == 3)
		return 0;
	if (vmm_version_ask(path, ret, e) < 0)
		return -1;
	if (facts && key) {
		set(&facts->firecracker_key, key);
		free(facts->firecracker_version);
		facts->firecracker_version = mem_printf("%d.%d.%d", ret->major, ret->minor, ret->patch);
	}
	return 0;
}

static MUST int find(const char *given, const char *name, const char *hint, char **ret, struct err *e)
{
	if (given && *given) {
		*ret = mem_strdup(given);
		return 0;
	}
	return vmm_find_program(name, ret, e) < 0 ? err_hint(e, "%s", hint) : 0;
}

/* Firecracker itself, KVM apart. */
static MUST int look_for_firecracker(const char *bin, const char *kernel_release, struct host_facts *facts, struct host *h, struct err *e)
{
	AUTO_MEM char *path = NULL;
	const char *why = NULL;

	if (find(bin, "firecracker", INSTALL_FIRECRACKER, &path, e) < 0)
		return -1;
	if (ask_version(path, facts, &h->version, e) < 0)
		return err_hint(e, "is it the right file, and made for this machine?");
	switch (vmm_version_judge(h->version, kernel_release, &why)) {
	case VMM_REFUSE:
		err_set(e, ERR_UNAVAILABLE, "'%s' is version %d.%d.%d: %s", path, h->version.major, h->version.minor, h->version.patch, why);
		return err_hint(e, "take Firecracker 1.15.1, or vmm = qemu");
	case VMM_WARN:
		snprintf(h->warning, sizeof(h->warning), "; %s", why);
		return 0;
	case VMM_GOOD:
		return 0;
	}
	return 0;
}

static void chose_firecracker(const struct host *h, struct vmm_choice *ret)
{
	*ret = (struct vmm_choice){ .kind = VMM_KIND_FIRECRACKER, .name = vmm_driver(VMM_KIND_FIRECRACKER)->name, .kvm = true };
	snprintf(ret->why, sizeof(ret->why), "Firecracker %d.%d.%d: it and KVM work%s", h->version.major, h->version.minor, h->version.patch, h->warning);
}

static void chose_qemu(const struct host *h, const char *instead, struct vmm_choice *ret)
{
	bool kvm = h->kvm.code == ERR_NONE;

	*ret = (struct vmm_choice){ .kind = VMM_KIND_QEMU, .name = vmm_driver(VMM_KIND_QEMU)->name, .kvm = kvm };
	if (kvm)
		snprintf(ret->why, sizeof(ret->why), "QEMU with KVM%s", instead);
	else
		snprintf(ret->why, sizeof(ret->why), "QEMU by emulation, which is slow: %.120s", h->kvm.msg);
}

/* Passes on why something cannot be had. */
static int fail(const struct err *why, const char *context, struct err *e)
{
	*e = *why;
	if (*context)
		err_wrap(e, "%s", context);
	return -1;
}

static MUST int choose_auto(const struct host *h, struct vmm_choice *ret, struct err *e)
{
	char instead[120] = "";

	if (h->firecracker.code == ERR_NONE && h->kvm.code == ERR_NONE) {
		chose_firecracker(h, ret);
		return 0;
	}
	if (h->qemu.code == ERR_NONE) {
		if (h->kvm.code == ERR_NONE)
			snprintf(instead, sizeof(instead), ", as there is no usable Firecracker: %.70s", h->firecracker.msg);
		chose_qemu(h, instead, ret);
		return 0;
	}
	err_set(e, ERR_UNAVAILABLE, "no VMM: %s, and %s", h->firecracker.code != ERR_NONE ? h->firecracker.msg : h->kvm.msg, h->qemu.msg);
	return err_hint(e, h->kvm.code == ERR_NONE ? INSTALL_QEMU ", or a Firecracker" : INSTALL_QEMU);
}

int vmm_choose(const char *wanted, const char *firecracker_bin, const char *qemu_bin, const char *kernel_release, struct host_facts *facts,
	       struct vmm_choice *ret, struct err *e)
{
	AUTO_MEM char *qemu = NULL;
	struct host h = { .warning = "" };
	bool any = str_eq(wanted, "auto");

	if (!any && !str_eq(wanted, "firecracker") && !str_eq(wanted, "qemu")) {
		err_set(e, ERR_INVALID, "no VMM '%s'", wanted);
		return err_hint(e, "vmm = auto, firecracker or qemu");
	}
	probe_kvm(facts, &h.kvm);
	if (h.kvm.code == ERR_CANCELLED)
		return fail(&h.kvm, "", e);
	/* Without KVM there is nothing to ask Firecracker. */
	if (!str_eq(wanted, "qemu") && (!any || h.kvm.code == ERR_NONE) &&
	    look_for_firecracker(firecracker_bin, kernel_release, facts, &h, &h.firecracker) < 0 && !any)
		return fail(&h.firecracker, "vmm = firecracker", e);
	if (str_eq(wanted, "firecracker")) {
		if (h.kvm.code != ERR_NONE)
			return fail(&h.kvm, "vmm = firecracker", e);
		chose_firecracker(&h, ret);
		return 0;
	}
	if (find(qemu_bin, "qemu-system-x86_64", INSTALL_QEMU, &qemu, &h.qemu) < 0 && !any)
		return fail(&h.qemu, "vmm = qemu", e);
	if (!any) {
		chose_qemu(&h, "", ret);
		return 0;
	}
	return choose_auto(&h, ret, e);
}
