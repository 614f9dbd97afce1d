/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The units' text. What VMs need to outlive both services: KillMode=process leaves them alone when a service stops, SendSIGKILL=no and
 * RuntimeDirectoryPreserve=yes leave them their sockets, OOMPolicy=continue keeps a killed VM from ending its helper. */
#include <ctype.h>
#include <sys/stat.h>

#include "install/install_internal.h"
#include "sandbox/caps.h"
#include "store/layout.h"

void units_capabilities(struct str *out)
{
	char text[CAPS_TEXT];

	str_add(out, "CAP_");
	for (const char *p = caps_text(caps_of(caps_helper) | caps_of(caps_launcher) | caps_of(caps_jail), text); *p; p++) {
		if (*p == ',')
			str_add(out, " CAP_");
		else
			str_add_char(out, (char)toupper((unsigned char)*p));
	}
}

/* The daemon and its workers find out whether KVM works; a VMM's jail has a device of its own. */
static void add_kvm_group(struct str *out)
{
	struct stat st;

	if (stat("/dev/kvm", &st) == 0 && st.st_gid != 0 && (st.st_mode & 060) == 060)
		str_addf(out, "SupplementaryGroups=%u\n", (unsigned)st.st_gid);
}

#define COMMON                                                                                                                                     \
	"KillMode=process\n"                                                                                                                       \
	"SendSIGKILL=no\n"                                                                                                                         \
	"RuntimeDirectoryPreserve=yes\n"                                                                                                           \
	"Restart=on-failure\n"                                                                                                                     \
	"RestartSec=100ms\n"                                                                                                                       \
	"OOMPolicy=continue\n"                                                                                                                     \
	"TasksMax=infinity\n"                                                                                                                      \
	"LimitNOFILE=65536\n"                                                                                                                      \
	"NoNewPrivileges=yes\n"                                                                                                                    \
	"ProtectSystem=strict\n"                                                                                                                   \
	"ProtectKernelModules=yes\n"                                                                                                               \
	"ProtectKernelLogs=yes\n"                                                                                                                  \
	"RestrictSUIDSGID=yes\n"                                                                                                                   \
	"RestrictRealtime=yes\n"                                                                                                                   \
	"LockPersonality=yes\n"                                                                                                                    \
	"SystemCallArchitectures=native\n"

void units_daemon(const struct installed *i, struct str *out)
{
	str_addf(out,
		"# written by banger system install\n"
		"[Unit]\n"
		"Description=banger's daemon: owns the VMs of %s\n"
		"Documentation=man:banger(1)\n"
		"Requires=bangerd-root.socket\n"
		"After=bangerd-root.socket network.target\n"
		"StartLimitIntervalSec=0\n\n"
		"[Service]\n"
		"Type=notify\n"
		"ExecStart=" LAYOUT_BIN "/bangerd --system\n"
		"ExecReload=/bin/kill -HUP $MAINPID\n"
		"User=%lld\nGroup=%lld\n",
		i->owner, (long long)i->uid, (long long)i->gid);
	add_kvm_group(out);
	str_add(out, "RuntimeDirectory=banger\nRuntimeDirectoryMode=0700\n"
		     "StateDirectory=banger\nStateDirectoryMode=0700\n"
		     "CacheDirectory=banger\nCacheDirectoryMode=0700\n" COMMON
		     "ProtectHome=read-only\n"
		     "ProtectKernelTunables=yes\n"
		     "ProtectControlGroups=yes\n"
		     "RestrictNamespaces=yes\n"
		     "CapabilityBoundingSet=\n"
		     "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n\n"
		     "[Install]\n"
		     "WantedBy=multi-user.target\n");
}

void units_helper(const struct installed *i, struct str *out)
{
	str_addf(out,
		"# written by banger system install\n"
		"[Unit]\n"
		"Description=banger's root helper: networks and VMMs of %s\n"
		"Documentation=man:banger(1)\n"
		"Requires=bangerd-root.socket\n"
		"Wants=banger-vms.service\n"
		"After=bangerd-root.socket banger-vms.service systemd-tmpfiles-setup.service\n"
		"StartLimitIntervalSec=0\n\n"
		"[Service]\n"
		"ExecStart=" LAYOUT_BIN "/bangerd-root --system\n"
		"RuntimeDirectory=banger-root\nRuntimeDirectoryMode=0711\n"
		"ReadWritePaths=" LAYOUT_SYSTEM_RUN "\n" COMMON
		"ProtectHome=yes\n"
		"CapabilityBoundingSet=",
		i->owner);
	units_capabilities(out);
	str_add(out, "\n");
}

/* Holds the group that VMs' groups lie in, and nothing else: what ends the services leaves it alone. */
void units_vms(const struct installed *i, struct str *out)
{
	str_addf(out,
		"# written by banger system install\n"
		"[Unit]\n"
		"Description=the VMs of %s\n"
		"Documentation=man:banger(1)\n\n"
		"[Service]\n"
		"Type=oneshot\n"
		"RemainAfterExit=yes\n"
		"ExecStart=" LAYOUT_BIN "/banger version\n"
		"StandardOutput=null\n"
		"Delegate=yes\n"
		"KillMode=process\n"
		"SendSIGKILL=no\n"
		"OOMPolicy=continue\n"
		"TasksMax=infinity\n",
		i->owner);
}

void units_socket(const struct installed *i, struct str *out)
{
	str_addf(out,
		"# written by banger system install\n"
		"[Unit]\n"
		"Description=banger's root helper: its socket\n\n"
		"[Socket]\n"
		"ListenStream=" LAYOUT_HELPER_RUN "/bangerd-root.sock\n"
		"SocketUser=%lld\nSocketGroup=%lld\nSocketMode=0600\nDirectoryMode=0711\n\n"
		"[Install]\n"
		"WantedBy=sockets.target\n",
		(long long)i->uid, (long long)i->gid);
}

void units_tmpfiles(const struct installed *i, struct str *out)
{
	str_addf(out,
		"# written by banger system install\n"
		"d " LAYOUT_SYSTEM_RUN " 0700 %lld %lld -\n"
		"d " LAYOUT_HELPER_RUN " 0711 0 0 -\n",
		(long long)i->uid, (long long)i->gid);
}

const struct install_unit_file install_unit_files[] = {
	{ LAYOUT_UNITS "/bangerd.service", units_daemon },
	{ LAYOUT_UNITS "/bangerd-root.service", units_helper },
	{ LAYOUT_UNITS "/bangerd-root.socket", units_socket },
	{ LAYOUT_UNITS "/banger-vms.service", units_vms },
	{ LAYOUT_TMPFILES "/banger.conf", units_tmpfiles },
	{ NULL, NULL },
};
