/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What must hold before anything is written. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/build.h"
#include "base/mem.h"
#include "base/path.h"
#include "install/install_internal.h"
#include "net/addr.h"
#include "net/link.h"
#include "net/net.h"
#include "net/netlink.h"
#include "store/layout.h"
#include "vmm/command.h"
#include "vmm/trust.h"
#include "vmm/versions.h"

#define DEFAULT_BRIDGE "br-fc"
#define DEFAULT_SUBNET "172.16.0.1/24"
#define ROOM_NEEDED (16u << 20) /* the binary twice, and texts */

static MUST int check_root(struct err *e)
{
	if (geteuid() == 0)
		return 0;
	err_set(e, ERR_DENIED, "banger system install writes to /usr/local and /etc and starts services, so it needs root");
	return err_hint(e, "the same with sudo in front");
}

static MUST int check_owner(const char *name, struct installed *what, struct err *e)
{
	const struct passwd *pw = getpwnam(name);
	struct stat st;

	if (!pw) {
		err_set(e, ERR_NOT_FOUND, "there is no user '%s' in /etc/passwd", name);
		return err_hint(e, "--owner takes the name of the user who is to use banger");
	}
	if (pw->pw_uid == 0) {
		err_set(e, ERR_INVALID, "the owner must be a user without rights, not '%s'", name);
		return err_hint(e, "--owner takes the name of the user who is to use banger");
	}
	if (pw->pw_dir[0] != '/' || stat(pw->pw_dir, &st) < 0 || !S_ISDIR(st.st_mode)) {
		err_set(e, ERR_INVALID, "user '%s' has no home folder '%s'", name, pw->pw_dir);
		return err_hint(e, "make it, or choose another owner");
	}
	what->owner = mem_strdup(pw->pw_name);
	what->home = mem_strdup(pw->pw_dir);
	what->uid = pw->pw_uid;
	what->gid = pw->pw_gid;
	return 0;
}

/* Takes over what an earlier installation was given; a file that cannot be read is replaced, one that others can write is not believed. */
static MUST int check_earlier(const struct install_want *want, struct installed *old, struct err *e)
{
	if (installed_load(old, e) < 0) {
		if (e->code != ERR_NOT_FOUND && e->code != ERR_INVALID && e->code != ERR_DENIED)
			return -1;
		if (e->code != ERR_NOT_FOUND)
			want->warn(e->msg);
		err_clear(e);
		return 0;
	}
	if (strcmp(old->owner, want->owner) == 0)
		return 0;
	err_set(e, ERR_EXISTS, "banger is installed on this host for '%s'; it has one owner", old->owner);
	return err_hint(e, "sudo banger system uninstall first, or let '%s' keep a banger below --root DIR", want->owner);
}

/* Two service managers would keep the same two programs running. */
static MUST int check_same_manager(const struct installed *old, const struct install_want *want, struct err *e)
{
	if (old->no_service == want->no_service)
		return 0;
	err_set(e, ERR_EXISTS, "banger is installed on this host %s", old->no_service ? "with --no-service" : "as services of systemd");
	return err_hint(e, "the same %s --no-service keeps that; else sudo banger system uninstall first: VMs, images and kernels stay",
		old->no_service ? "with" : "without");
}

static MUST int check_room(const char *dir, struct err *e)
{
	struct statvfs s;
	AUTO_MEM char *at = mem_strdup(dir);

	while (access(at, F_OK) < 0 && strcmp(at, "/") != 0) {
		char *up = path_dirname(at);

		free(at);
		at = up;
	}
	if (statvfs(at, &s) < 0)
		return err_sys(e, errno, "look at '%s'", at);
	if (s.f_flag & ST_RDONLY) {
		err_set(e, ERR_DENIED, "'%s' is on a file system that is mounted read-only", at);
		return err_hint(e, "mount it for writing; banger itself lives in " LAYOUT_BIN);
	}
	if ((uint64_t)s.f_bavail * s.f_frsize < ROOM_NEEDED) {
		err_set(e, ERR_NO_SPACE, "'%s' has %llu KiB free, less than the installation needs (%u)", at,
			(unsigned long long)s.f_bavail * s.f_frsize >> 10, ROOM_NEEDED >> 10);
		return err_hint(e, "make room there");
	}
	return 0;
}

static MUST int check_vmm(const struct install_want *want, const char *given, struct installed *what, struct err *e)
{
	AUTO_MEM char *bin = given && *given ? mem_strdup(given) : NULL, *qemu = NULL;
	struct vmm_version v;
	struct err none = { 0 };
	const char *why = NULL;

	if (!bin && vmm_find_program("firecracker", &bin, &none) < 0) {
		err_clear(&none);
		if (vmm_find_program("qemu-system-x86_64", &qemu, &none) < 0) {
			err_set(e, ERR_NOT_FOUND, "there is neither Firecracker nor QEMU on this host, so no VM could run");
			return err_hint(e, "put Firecracker into " LAYOUT_BIN ", or install QEMU; banger doctor says how");
		}
		want->warn("no Firecracker here; VMs will run on QEMU. After it has been installed, run system install again");
		what->firecracker = mem_strdup("");
		return 0;
	}
	if (vmm_check_trusted("Firecracker", bin, e) < 0 || vmm_version_ask(bin, &v, e) < 0)
		return -1;
	switch (vmm_version_judge(v, NULL, &why)) {
	case VMM_REFUSE:
		err_set(e, ERR_INVALID, "Firecracker '%s' is %d.%d.%d: %s", bin, v.major, v.minor, v.patch, why ? why : "too old");
		return err_hint(e, "banger needs " VMM_FIRECRACKER_MIN " or newer");
	case VMM_WARN:
		want->warn(why);
		break;
	case VMM_GOOD:
		break;
	}
	what->firecracker = TAKE_PTR(bin);
	return 0;
}

static void check_kvm(const struct install_want *want)
{
	struct stat st;

	if (stat("/dev/kvm", &st) < 0)
		want->warn("there is no /dev/kvm; VMs will be emulated by QEMU, which is slow");
	else if ((st.st_mode & 006) != 006 && ((st.st_mode & 060) != 060 || st.st_gid == 0))
		want->warn("/dev/kvm is closed to all groups; VMs will be emulated by QEMU until it has a group of its own that may read and write it");
}

/* Names work without; other programs than banger do not know them then. */
static MUST int check_resolver(const struct install_want *want, struct err *e)
{
	char state[32];

	if (!systemd_runs())
		return 0;
	if (install_unit_state("systemd-resolved.service", state, e) < 0)
		return -1;
	if (strcmp(state, "active") != 0)
		want->warn("systemd-resolved does not run, so NAME.vm is no name for ssh and others; docs/dns-routing.md says how other resolvers learn of it");
	return 0;
}

static MUST int check_network(const struct install_want *want, const struct installed *what, struct err *e)
{
	AUTO(net_free) struct net *n = NULL;
	struct net_conf conf = { .bridge = what->bridge, .owner = LAYOUT_SYSTEM_STATE };
	struct err why = { 0 };

	if (addr_parse_net(what->subnet, &conf.net, e) < 0 || net_open(&conf, &n, e) < 0)
		return -1;
	if (net_probe(n, &why) < 0) {
		want->warn(why.msg);
		want->warn("VMs will have no network until that is mended; exec needs none");
	}
	if (net_check_free(n, e) == 0)
		return 0;
	return err_hint(e, "--bridge br-fc-NAME and --subnet ADDRESS/N choose others");
}

static char *choose(const char *given, const char *old, const char *fallback)
{
	return mem_strdup(given ? given : old ? old : fallback);
}

int check_all(const struct install_want *want, struct installed *what, struct err *e)
{
	static const char *const dirs[] = { LAYOUT_BIN, LAYOUT_SHARE, LAYOUT_ETC, LAYOUT_SYSTEM_STATE };
	AUTO_DONE(installed_done) struct installed old = { 0 };

	if (check_root(e) < 0 || check_owner(want->owner, what, e) < 0 || check_earlier(want, &old, e) < 0)
		return -1;
	what->no_service = want->no_service;
	what->version = mem_strdup(build_version());
	what->build = mem_strdup(build_id());
	what->bridge = choose(want->bridge, old.bridge, DEFAULT_BRIDGE);
	what->subnet = choose(want->subnet, old.subnet, DEFAULT_SUBNET);
	for (size_t i = 0; i < old.n_made; i++)
		what->made[what->n_made++] = mem_strdup(old.made[i]);
	if (!want->no_service && !systemd_runs()) {
		err_set(e, ERR_UNAVAILABLE, "this host does not run systemd");
		return err_hint(e, "--no-service installs all but the units; docs/system.md shows how OpenRC and runit run banger");
	}
	if (old.owner && check_same_manager(&old, want, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		if (check_room(dirs[i], e) < 0)
			return -1;
	check_kvm(want);
	if (check_vmm(want, want->firecracker ? want->firecracker : old.firecracker, what, e) < 0)
		return -1;
	return check_resolver(want, e) < 0 ? -1 : check_network(want, what, e);
}
