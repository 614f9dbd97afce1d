/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/auto.h"
#include "base/str.h"
#include "doctor/checks.h"
#include "net/net.h"

void check_architecture(const struct doctor_host *host, struct doctor_check *c)
{
	struct utsname u;

	if (uname(&u) < 0)
		return;
	if (str_eq(u.machine, "x86_64"))
		doctor_add(c, DOCTOR_PASS, "%s, Linux %s", u.machine, u.release);
	else
		doctor_add(c, DOCTOR_FAIL, "banger runs on x86_64 only, this machine is %s", u.machine);
}

/* A VM's sizes always; of the rest what somebody has chosen. daemon status shows all. */
static bool is_told(size_t key, enum config_source source)
{
	return source == CONFIG_FILE || source == CONFIG_HOST || source == CONFIG_INSTALL || (key >= CONFIG_VCPU && key <= CONFIG_SYSTEM_OVERLAY_SIZE);
}

/* It names programs that are run and files that are copied. */
static void check_config_file(const struct doctor_host *host, struct doctor_check *c)
{
	struct stat st;

	if (stat(host->config_path, &st) < 0)
		return;
	if (st.st_uid != host->uid && st.st_uid != 0)
		doctor_add(c, DOCTOR_WARN, "%s is of user %u, who could have other programs run: chown it", host->config_path, (unsigned)st.st_uid);
	if (!(st.st_mode & 022))
		return;
	if (host->fix && geteuid() == host->uid && st.st_uid == host->uid && chmod(host->config_path, st.st_mode & 07755) == 0)
		doctor_fixed(c, "closed %s to others' changes, its mode was %04o", host->config_path, (unsigned)(st.st_mode & 07777));
	else
		doctor_add(c, DOCTOR_WARN, "%s has mode %04o, so others can change what is run: chmod go-w", host->config_path, (unsigned)(st.st_mode & 07777));
}

void check_configuration(const struct doctor_host *host, struct doctor_check *c)
{
	const struct config_value *values;
	size_t n;

	if (host->config_error->code != ERR_NONE) {
		doctor_add_error(c, DOCTOR_FAIL, host->config_error);
		return;
	}
	if (access(host->config_path, F_OK) < 0)
		doctor_add(c, DOCTOR_PASS, "%s does not exist, defaults hold", host->config_path);
	else
		doctor_add(c, DOCTOR_PASS, "%s", host->config_path);
	check_config_file(host, c);
	values = config_values(host->config, &n);
	for (size_t i = 0; i < n; i++)
		if (is_told(i, values[i].source))
			doctor_add(c, DOCTOR_PASS, "%s = %s (%s)", values[i].name, values[i].text, config_source_text(values[i].source));
	for (size_t i = 0; i < host->config->n_notices; i++)
		doctor_add(c, DOCTOR_WARN, "%s", host->config->notices[i]);
}

/* Limits of VMs are cgroup v2's. */
void check_control_groups(const struct doctor_host *host, struct doctor_check *c)
{
	struct statfs s;

	if (statfs("/sys/fs/cgroup", &s) < 0) {
		doctor_add(c, DOCTOR_WARN, "/sys/fs/cgroup: %s", strerror(errno));
		doctor_add(c, DOCTOR_WARN, "mount -t cgroup2 cgroup2 /sys/fs/cgroup");
	} else if (s.f_type == CGROUP2_SUPER_MAGIC) {
		doctor_add(c, DOCTOR_PASS, "version 2");
	} else if (s.f_type == SYSFS_MAGIC) {
		doctor_add(c, DOCTOR_WARN, "none are mounted, so VMs get no limits: mount -t cgroup2 cgroup2 /sys/fs/cgroup");
	} else {
		doctor_add(c, DOCTOR_WARN, "this host is on version 1, so VMs get no limits of their own and restored ones start slowly");
		doctor_add(c, DOCTOR_WARN, "boot with systemd.unified_cgroup_hierarchy=1 on the kernel's command line");
	}
}

/* Where the daemon makes networks itself: the rights to do so, and the kernel's parts. */
static void check_rights(struct net *n, struct doctor_check *c)
{
	AUTO_FD int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	struct err e = { 0 };

	if (tun < 0) {
		doctor_add(c, DOCTOR_WARN, "/dev/net/tun cannot be opened: %s", strerror(errno));
		doctor_add(c, DOCTOR_WARN,
			errno == ENOENT || errno == ENODEV ? "modprobe tun" : "chmod 666 /dev/net/tun, which lets nobody make a device without more rights");
	}
	if (net_probe(n, &e) < 0) {
		doctor_add_error(c, DOCTOR_WARN, &e);
		doctor_add(c, DOCTOR_WARN, "VMs get no network; exec needs none");
	}
}

/* Without a network VMs run all the same; so nothing here is worse than a warning. */
void check_network(const struct doctor_host *host, struct doctor_check *c)
{
	AUTO(net_free) struct net *n = NULL;
	struct net_conf conf = { .bridge = host->config->bridge_name, .owner = host->state_dir };
	struct err e = { 0 };

	if (addr_parse_net(host->config->subnet, &conf.net, &e) < 0 || net_open(&conf, &n, &e) < 0) {
		doctor_add_error(c, DOCTOR_WARN, &e);
		return;
	}
	if (net_check_free(n, &e) < 0) {
		doctor_add_error(c, DOCTOR_WARN, &e);
		doctor_add(c, DOCTOR_WARN, host->installed ? "sudo banger system install --bridge br-fc-NAME --subnet ADDRESS/N chooses others"
							   : "bridge_name, bridge_ip and cidr in config.toml choose others; banger daemon stop");
	}
	if (!host->installed)
		check_rights(n, c);
	if (c->level == DOCTOR_PASS)
		doctor_add(c, DOCTOR_PASS, "bridge %s, %s, %s", host->config->bridge_name, host->config->subnet,
			host->installed ? "made by the helper" : "taps and nftables rules can be made");
}
