/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/services.h"

#include "base/auto.h"
#include "base/build.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/installed.h"
#include "store/layout.h"

/* One of three texts, by who starts daemon and helper. */
static const char *by_who(const char *units, const char *manager, const char *nobody)
{
	const struct installed *i = layout_installed();

	return !i ? nobody : i->no_service ? manager : units;
}

const char *services_start(void)
{
	return by_who("sudo banger system restart starts it",
		"start it by this host's service manager: bangerd --system, as the owner; docs/system.md shows how",
		"any command that needs one starts it, such as: banger vm list");
}

const char *services_mend_helper(void)
{
	return by_who("journalctl -u bangerd-root, then sudo banger system restart",
		"restart bangerd-root by this host's service manager, which has its log; VMs go on",
		"banger daemon stop ends it too; VMs go on");
}

char *services_end_daemon(void)
{
	AUTO_MEM char *lock = layout_lock(), *nobody = mem_printf("kill -9 $(cat '%s') ends it; VMs go on", lock);

	return mem_strdup(by_who("sudo banger system restart; VMs go on", "restart bangerd by this host's service manager; VMs go on", nobody));
}

char *services_other_build(const char *version)
{
	const struct installed *i = layout_installed();
	const char *manager = i && str_eq(i->build, build_id()) ? "restart bangerd-root and bangerd by this host's service manager" :
		"sudo banger system install --no-service, by the banger that is to stay, then restart bangerd-root and bangerd";

	if (!i)
		return mem_printf("the daemon is version %s, another build, and busy; it is replaced once it is idle", version);
	return mem_printf("the daemon is version %s, another build than this command: %s", version,
		by_who("sudo banger system install brings both together", manager, ""));
}
