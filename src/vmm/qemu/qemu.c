/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QEMU's command line. Every file reaches it as a descriptor. Options: QEMU's invocation documentation, 7.2. */
#include "vmm/qemu/qemu.h"

#include <stdio.h>

#include "base/auto.h"
#include "base/mem.h"
#include "vmm/cmdline.h"
#include "vmm/qemu/qmp.h"

/* What the machine is. Guest memory is shared with the vsock device, hence the memfd. */
static void add_machine(const struct vmm_spec *spec, struct vmm_command *c)
{
	vmm_command_add(c, "qemu-system-x86_64");
	vmm_command_add(c, "-name");
	vmm_command_add(c, "banger-%s,process=banger-%.7s", spec->id, spec->id);
	vmm_command_add(c, "-nodefaults");
	vmm_command_add(c, "-no-user-config");
	vmm_command_add(c, "-no-reboot");
	vmm_command_add(c, "-display");
	vmm_command_add(c, "none");
	vmm_command_add(c, "-sandbox");
	vmm_command_add(c, "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
	vmm_command_add(c, "-M");
	vmm_command_add(c, "q35,memory-backend=m0,hpet=off,smbus=off,sata=off,vmport=off");
	vmm_command_add(c, "-object");
	vmm_command_add(c, "memory-backend-memfd,id=m0,size=%lldM,share=on", (long long)spec->memory_mib);
	vmm_command_add(c, "-m");
	vmm_command_add(c, "%lldM", (long long)spec->memory_mib);
	vmm_command_add(c, "-smp");
	vmm_command_add(c, "%lld", (long long)spec->vcpus);
	vmm_command_add(c, "-accel");
	vmm_command_add(c, spec->kvm ? "kvm" : "tcg,thread=multi");
	vmm_command_add(c, "-cpu");
	/* Emulation does "rep movsb" a byte at a time; without these two the guest's kernel copies by words: vsock is three times as fast. */
	vmm_command_add(c, spec->kvm ? "host" : "max,-erms,-fsrm");
}

/* The timer is known to work, and a cipher that does not would be QEMU's or KVM's fault: emulated, the checks take 0.2 s of 1.3 s to userspace. */
#define KERNEL_EXTRA "no_timer_check cryptomgr.notests"

static void add_kernel(const struct vmm_spec *spec, struct vmm_command *c)
{
	AUTO_DONE(str_done) struct str line = STR_INIT;

	vmm_cmdline(spec, KERNEL_EXTRA, &line);
	vmm_command_add(c, "-kernel");
	vmm_command_add(c, "/proc/self/fd/%d", vmm_command_inherit(c, spec->kernel_fd));
	vmm_command_add(c, "-initrd");
	vmm_command_add(c, "/proc/self/fd/%d", vmm_command_inherit(c, spec->initrd_fd));
	vmm_command_add(c, "-append");
	vmm_command_add(c, "%s", line.data);
}

/* A descriptor set keeps QEMU from opening the file anew: it duplicates the one whose access mode fits. */
static void add_drives(const struct vmm_spec *spec, struct vmm_command *c)
{
	for (size_t i = 0; i < spec->n_drives; i++) {
		const struct vmm_drive *d = &spec->drives[i];
		int fd = vmm_command_inherit(c, d->fd);

		vmm_command_add(c, "-add-fd");
		vmm_command_add(c, "fd=%d,set=%zu", fd, i + 1);
		vmm_command_add(c, "-blockdev");
		vmm_command_add(c, "driver=file,node-name=d%zu,filename=/dev/fdset/%zu,locking=off,aio=threads,discard=unmap,read-only=%s,"
				   "cache.direct=off,cache.no-flush=%s", i, i + 1, d->read_only ? "on" : "off", d->unsafe ? "on" : "off");
		vmm_command_add(c, "-device");
		vmm_command_add(c, "virtio-blk-pci,drive=d%zu,serial=%s", i, d->role);
	}
}

static void add_devices(const struct vmm_spec *spec, struct vmm_command *c)
{
	vmm_command_add(c, "-chardev");
	vmm_command_add(c, "socket,id=vhost,fd=%d", vmm_command_inherit(c, spec->vhost_fd));
	vmm_command_add(c, "-device");
	vmm_command_add(c, "vhost-user-vsock-pci,chardev=vhost");
	if (spec->net) {
		vmm_command_add(c, "-netdev");
		vmm_command_add(c, "tap,id=n0,fd=%d,vhost=off", vmm_command_inherit(c, spec->tap_fd));
		vmm_command_add(c, "-device");
		vmm_command_add(c, "virtio-net-pci,netdev=n0,romfile=,mac=%02x:%02x:%02x:%02x:%02x:%02x", spec->mac[0], spec->mac[1], spec->mac[2],
				spec->mac[3], spec->mac[4], spec->mac[5]);
	}
	vmm_command_add(c, "-device");
	vmm_command_add(c, "virtio-rng-pci");
	/* The console is QEMU's standard output, so that it appends; what QEMU itself says goes to standard error. */
	vmm_command_inherit_as(c, spec->console_fd, 1);
	vmm_command_inherit_as(c, spec->log_fd, 2);
	vmm_command_add(c, "-chardev");
	vmm_command_add(c, "stdio,id=console,signal=off");
	vmm_command_add(c, "-serial");
	vmm_command_add(c, "chardev:console");
	vmm_command_add(c, "-qmp");
	vmm_command_add(c, "unix:%s,server=on,wait=off", spec->api_path);
}

static MUST int qemu_build(const struct vmm_spec *spec, const char *bin, struct vmm_command *ret, struct err *e)
{
	if (*bin) {
		ret->path = mem_strdup(bin);
	} else if (vmm_find_program("qemu-system-x86_64", &ret->path, e) < 0) {
		return err_hint(e, "apt-get install qemu-system-x86");
	}
	add_machine(spec, ret);
	add_kernel(spec, ret);
	add_drives(spec, ret);
	add_devices(spec, ret);
	return 0;
}

const struct vmm_driver vmm_qemu = {
	.name = "qemu",
	.needs_vhost = true,
	.needs_tap_fd = true,
	.build = qemu_build,
	.query = qmp_query,
	.pause = qmp_pause,
	.resume = qmp_resume,
};
