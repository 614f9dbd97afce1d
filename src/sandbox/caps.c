/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sandbox/caps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "base/auto.h"
#include "base/str.h"

enum { CAPS_MAX = 64 };

static const char *const names[] = { "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
	"linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner", "sys_module", "sys_rawio",
	"sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod",
	"lease", "audit_write", "audit_control", "setfcap", "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read",
	"perfmon", "bpf", "checkpoint_restore" };

const struct caps_reason caps_helper[] = {
	{ "net_admin", "bridge, taps, rules, IP forwarding" },
	{ "dac_override", "sockets and locks below a state folder that lies in another user's closed one" },
	{ "kill", "signals to VMMs" },
	{ NULL, NULL },
};

const struct caps_reason caps_launcher[] = {
	{ "dac_override", "sockets of vsock devices there" },
	{ "setuid", "VMMs run as users of their own; sockets in the owner's folders are made with the owner's rights" },
	{ "setgid", "and in the owner's group" },
	{ NULL, NULL },
};

const struct caps_reason caps_jail[] = {
	{ "sys_admin", "the jail's mounts and its change of root" },
	{ "mknod", "the devices in the jail" },
	{ "chown", "giving them to the VM's user" },
	{ "setpcap", "emptying the VMM's bounding set" },
	{ NULL, NULL },
};

const struct caps_reason caps_vmm[] = {
	{ "dac_override", "its own sockets there, where it has no jail, and those of a vsock device" },
	{ NULL, NULL },
};

uint64_t caps_of(const struct caps_reason *list)
{
	uint64_t set = 0;

	for (; list->name; list++)
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			if (str_eq(names[i], list->name))
				set |= CAPS_BIT(i);
	return set;
}

static struct __user_cap_header_struct header(void)
{
	return (struct __user_cap_header_struct){ .version = _LINUX_CAPABILITY_VERSION_3 };
}

int caps_read(struct caps *ret, struct err *e)
{
	struct __user_cap_header_struct h = header();
	struct __user_cap_data_struct d[_LINUX_CAPABILITY_U32S_3];
	struct caps c = { 0 };

	if (syscall(SYS_capget, &h, d) < 0)
		return err_sys(e, errno, "read capabilities");
	c.effective = d[0].effective | (uint64_t)d[1].effective << 32;
	c.permitted = d[0].permitted | (uint64_t)d[1].permitted << 32;
	c.inheritable = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
	for (unsigned i = 0; i < CAPS_MAX; i++) { /* EINVAL, which ends it, for numbers this kernel does not know */
		int bounding = prctl(PR_CAPBSET_READ, i, 0, 0, 0);

		if (bounding < 0)
			break;
		c.bounding |= bounding ? CAPS_BIT(i) : 0;
		c.ambient |= prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) == 1 ? CAPS_BIT(i) : 0;
	}
	*ret = c;
	return 0;
}

static MUST int shrink_bounding(const struct caps *now, uint64_t keep, struct err *e)
{
	for (unsigned i = 0; i < CAPS_MAX; i++)
		if (now->bounding & CAPS_BIT(i) & ~keep && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
			return err_sys(e, errno, "drop capability %u", i);
	return 0;
}

int caps_drop_bounding(struct err *e)
{
	struct caps now;

	return caps_read(&now, e) < 0 ? -1 : shrink_bounding(&now, 0, e);
}

int caps_keep(uint64_t keep, struct err *e)
{
	struct __user_cap_header_struct h = header();
	struct __user_cap_data_struct d[_LINUX_CAPABILITY_U32S_3] = { 0 };
	struct caps now;

	if (caps_read(&now, e) < 0)
		return -1;
	if (now.effective & CAPS_BIT(CAP_SETPCAP) && shrink_bounding(&now, keep, e) < 0)
		return -1;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_sys(e, errno, "clear ambient capabilities");
	keep &= now.permitted;
	d[0].effective = d[0].permitted = (uint32_t)keep;
	d[1].effective = d[1].permitted = (uint32_t)(keep >> 32);
	return syscall(SYS_capset, &h, d) < 0 ? err_sys(e, errno, "drop capabilities") : 0;
}

const char *caps_text(uint64_t set, char out[static CAPS_TEXT])
{
	size_t n = 0;

	if (!set)
		snprintf(out, CAPS_TEXT, "none");
	for (unsigned i = 0; i < CAPS_MAX; i++) {
		if (!(set & CAPS_BIT(i)) || n >= CAPS_TEXT)
			continue;
		if (i < ARRAY_LEN(names))
			n += (size_t)snprintf(out + n, CAPS_TEXT - n, "%s%s", n ? "," : "", names[i]);
		else
			n += (size_t)snprintf(out + n, CAPS_TEXT - n, "%s%u", n ? "," : "", i);
	}
	return out;
}
